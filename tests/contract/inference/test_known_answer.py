"""The known answer of a model, which it checks when it is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.models.artifacts import CONTRACT, SERVED, change

from inference.artifact import load
from inference.errors import ArtifactError
from steps.export.files import write_model

# The model's own answer for 3 and 1.
KNOWN = 1 / (1 + math.exp(-2))


def with_known_answer(probability: float, numbers: Sequence[float] = (3.0, 1.0)) -> dict[str, Any]:
    return {**CONTRACT, "smoke_test": {"features": list(numbers), "probability": probability}}


def test_a_model_with_the_known_answer_is_loaded(tmp_path: Path) -> None:
    write_model(tmp_path, SERVED, with_known_answer(KNOWN + 9e-10), None)
    known = load(tmp_path).contract.known_answer
    assert known is not None
    assert known.features == (3.0, 1.0)


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (with_known_answer(KNOWN + 2e-9), "gives its known company the probability 0.88"),
        (with_known_answer(math.nan), "but nan is stated"),
        (with_known_answer(0.5, [1e308, -1e308]), "the probability 1.0, but 0.5 is stated"),
        (with_known_answer(0.5, [1.0]), "a finite number for every feature"),
        (with_known_answer(0.5, [1.0, math.inf]), "a finite number for every feature"),
        ({**CONTRACT, "smoke_test": {"features": [1.0, 2.0]}}, "lacks 'probability'"),
        ({**CONTRACT, "smoke_test": None}, "is damaged"),
    ],
)
def test_a_model_that_answers_differently_from_the_evaluated_one_is_rejected(
    folder: Path, contract: dict[str, Any], message: str
) -> None:
    change(folder, lambda description: description.update(contract=contract))
    with pytest.raises(ArtifactError, match=message):
        load(folder)
