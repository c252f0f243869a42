"""`bankruptcy score` and the API give the same advice about values between the two units of a feature."""

from __future__ import annotations

import numpy as np
import pytest
from support.api.fakes import NAMES, Api, contract

from scripts.score.units import UnitCheck, gaps

TWO_UNITS = {
    "largest_small": 1.0000001,
    "small_factor": 1e4,
    "smallest_large": 1e5,
    "large_factor": 1e-10,
}
# The same words for companies in a file and in a request.
WORDS = {"send": "write", "sent": "written", "this feature": "the column"}


@pytest.mark.parametrize(
    "value", [0.0, 1.0, 1.0000001, 1.2, 9_999.5, 10_000.0, 10_001.0, 10_002.0, 99_999.0, 1e5, 1e9]
)
def test_score_and_the_api_give_the_same_advice(value: float) -> None:
    document = contract()
    document["features"][1] |= {"max": 1e10, "two_units": TWO_UNITS}
    api = Api(document)
    check = UnitCheck(gaps(document))

    check.add([2], np.array([[0.5, value, 1000, 3]]))
    answer = api.predict({"features": dict(zip(NAMES, (0.5, value, 1000, 3), strict=True))}).json

    advice = [each["message"].partition("The model uses ")[2] for each in answer["warnings"]]
    for word, other in WORDS.items():
        advice = [text.replace(word, other) for text in advice]
    assert [text.partition("the model uses ")[2] for text in check.warnings] == advice
