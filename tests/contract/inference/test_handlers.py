"""The endpoint's handlers: answers, content types and accepted types."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.models.handlers import CONTRACT, CSV, HASH, JSON, LINES, NAMED, SERVED, ask, error

from inference.artifact import Model
from inference.handlers import model_fn
from steps.export.files import write_model
from steps.export.served import ServedModel

HIGH = {
    "prediction": 1,
    "probability": {"not_bankrupt": pytest.approx(0.25), "bankrupt": pytest.approx(0.75)},
    "risk_level": "high",
    "confidence": pytest.approx(0.75),
}
MEDIUM = {
    "prediction": 1,
    "probability": {"not_bankrupt": 0.5, "bankrupt": 0.5},
    "risk_level": "medium",
    "confidence": 0.5,
}
LOW = {
    "prediction": 0,
    "probability": {"not_bankrupt": pytest.approx(0.9), "bankrupt": pytest.approx(0.1)},
    "risk_level": "low",
    "confidence": pytest.approx(0.9),
}
MODEL = {"version": "3", "contract": HASH}


@pytest.mark.parametrize(
    "body", [{"data": [1, 7.5, 0]}, {"features": NAMED}, {"contract": HASH, "data": [1, 7, 0]}]
)
def test_one_company_gets_one_answer(model: Model, body: object) -> None:
    status, media_type, text = ask(model, body)
    assert (status, media_type) == (200, JSON)
    assert json.loads(text) == {**HIGH, "model": MODEL}


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 0, 0], [0, 0, 0], [-2, 0, 0]]},
        {"contract": HASH, "instances": [NAMED, {"data": [0, 1, 0]}, {"data": [-2, 1, 0], "contract": HASH}]},
        [[1, 0, 0], {"features": {**NAMED, "Debt ratio %": 0}}, {**NAMED, "Debt ratio %": -2}],
    ],
)
def test_many_companies_get_a_list_in_the_same_order(model: Model, body: object) -> None:
    status, _, text = ask(model, body)
    assert status == 200
    assert json.loads(text) == {"predictions": [HIGH, MEDIUM, LOW], "model": MODEL}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"instances": [[1, 0, 0], [-2, 0, 0]]}', JSON),
        ('\ufeff{"instances": [[1, 0, 0], [-2, 0, 0]]}', "Application/JSON; charset=UTF-8"),
        ('{"instances": [[1, 0, 0], [-2, 0, 0]]}', None),
        ('{"instances": [[1, 0, 0], [-2, 0, 0]]}', ""),
        ("1,0,0\n-2,0,0\n", CSV),
        ('1, 0 ,+0.\r\n-2,"0",0e5', 'text/csv; charset="utf-8"; header=absent'),
        ('[1, 0, 0]\n{"data": [-2, 0, 0]}\n', LINES),
        (
            '{"features": {"Debt ratio %": 1, "Cash flow per share": 0, "ROA(A)": 0}}\r\n'
            '{"Debt ratio %": -2, "Cash flow per share": 0, "ROA(A)": 0}',
            "application/jsonlines;charset=us-ascii",
        ),
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (JSON, JSON),
        (None, JSON),
        (CSV, CSV),
        (LINES, LINES),
        ("text/csv;q=0.4, application/jsonlines;q=0.9", LINES),
    ],
)
def test_every_content_type_can_be_answered_in_every_accepted_type(
    model: Model,
    body: str,
    content_type: str | None,
    as_bytes: bool,
    accept: str | None,
    media_type: str,
) -> None:
    status, answered, text = ask(model, body.encode() if as_bytes else body, content_type, accept)
    assert (status, answered) == (200, media_type)
    if media_type == JSON:
        assert json.loads(text) == {"predictions": [HIGH, LOW], "model": MODEL}
    elif media_type == LINES:
        assert text.endswith("\n")
        assert [json.loads(line) for line in text.splitlines()] == [HIGH, LOW]
    else:
        first, second = (line.split(",") for line in text.splitlines())
        assert (first[0], first[3], second[0], second[3]) == ("1", "high", "0", "low")
        numbers = [float(first[1]), float(first[2]), float(first[4]), float(second[1]), float(second[2])]
        assert numbers == pytest.approx([0.25, 0.75, 0.75, 0.9, 0.1])


@pytest.mark.parametrize(("body", "content_type"), [("[[1,0,0]]", JSON), ("1,0,0", CSV), ("[1,0,0]", LINES)])
def test_a_wildcard_is_answered_in_the_type_of_the_request(
    model: Model, body: str, content_type: str
) -> None:
    assert ask(model, body, content_type, "*/*")[:2] == (200, content_type)


def test_without_a_version_the_answer_has_null(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_PACKAGE_VERSION")
    assert json.loads(ask(model, {"data": [1, 0, 0]})[2])["model"] == {"version": None, "contract": HASH}


@pytest.mark.parametrize(
    "content_type", ["application/x-npy", "text/plain", "application/x-recordio-protobuf"]
)
def test_other_content_types_are_415(model: Model, content_type: str) -> None:
    assert error(model, b"\x93NUMPY", content_type) == (415, "unsupported_media_type", {})


def test_other_charsets_are_415(model: Model) -> None:
    assert error(model, b"1,0,0", "text/csv; charset=utf-16")[:2] == (415, "unsupported_media_type")


@pytest.mark.parametrize("accept", ["application/x-npy", "text/html", "application/json;q=0", "text/csv;q=x"])
def test_other_accepted_types_are_415(model: Model, accept: str) -> None:
    assert error(model, {"data": [1, 0, 0]}, JSON, accept) == (415, "unsupported_media_type", {})


def test_the_largest_numbers_have_probabilities(model: Model) -> None:
    body = {"instances": [[1e150, 1e150, 1e150], [-1e150, 5e-324, 0]]}
    answers = json.loads(ask(model, body)[2])["predictions"]
    assert [answer["probability"]["bankrupt"] for answer in answers] == [1.0, 0.0]


def test_numbers_that_overflow_the_model_are_422(tmp_path: Path) -> None:
    # GIVEN a model that divides by a small scale and subtracts, so that the result is infinity minus infinity
    arrays = {
        "0.coefficients": np.array([[1.0], [-1.0], [0.0]]),
        "0.intercept": np.zeros(1),
        "1.mean": np.zeros(3),
        "1.scale": np.full(3, 1e-200),
    }
    scale = {"kind": "standardize", "arrays": "1"}
    served = ServedModel(arrays, {"stages": [scale, *SERVED.spec["stages"]]})
    write_model(tmp_path, served, CONTRACT, None)
    body = {"instances": [[1, 0, 0], [1e150, 1e150, 0]]}
    status, code, details = error(model_fn(str(tmp_path)), body)
    assert (status, code, list(details)) == (422, "validation_failed", [("instances", 1)])
