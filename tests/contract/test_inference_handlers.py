"""The endpoint's handlers: content types, accepted types and errors."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inference
from inference.handlers import input_fn, model_fn, output_fn, predict_fn
from inference.request import decode
from steps.export.files import write_model
from steps.export.served import ServedModel

NAMES = ["Debt ratio %", "Cash flow per share", "ROA(A)"]
HASH = inference.contract_hash(NAMES)
CONTRACT = {
    "contract": HASH,
    "features": [{"name": name, "min": 0.0, "max": 1.0} for name in NAMES],
    "threshold": 0.2,
    "risk_levels": [
        {"level": "low", "from": 0.0},
        {"level": "medium", "from": 0.2},
        {"level": "high", "from": 0.75},
    ],
}
# The logit is ln 3 · (first number): 0 gives 1/2, 1 gives 3/4, -1 gives 1/4, -2 gives 1/10
SERVED = ServedModel(
    {"0.coefficients": np.array([[np.log(3.0)], [0.0], [1e-9]]), "0.intercept": np.zeros(1)},
    {
        "stages": [
            {"kind": "linear", "arrays": "0"},
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)
JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> inference.Model:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, SERVED, CONTRACT, None)
    return model_fn(str(folder))


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PACKAGE_VERSION", "3")


def ask(
    model: inference.Model,
    body: object,
    content_type: str | None = JSON,
    accept: str | None = JSON,
) -> tuple[int, str, str]:
    """Call the handlers as the serving stack does; return status, media type and body."""
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    answer: Any = output_fn(predict_fn(input_fn(body, content_type), model), accept)
    if isinstance(answer, tuple):
        return 200, answer[1], answer[0]
    return answer.status_code, answer.mimetype, answer.get_data(as_text=True)


def error(model: inference.Model, body: object, content_type: str | None = JSON, accept: str = JSON) -> Any:
    """Return status, code and {loc: message} of an error, which is always JSON."""
    status, media_type, text = ask(model, body, content_type, accept)
    assert media_type == JSON
    found = json.loads(text)["error"]
    assert found["message"]
    return status, found["code"], {tuple(detail["loc"]): detail["message"] for detail in found["details"]}


NAMED = {"ROA(A)": 0, "Debt ratio %": 1, "Cash flow per share": 7.5}


@pytest.mark.parametrize(
    "body", [{"data": [1, 7.5, 0]}, {"features": NAMED}, {"contract": HASH, "data": [1, 7, 0]}]
)
def test_one_company_gets_one_answer(model: inference.Model, body: object) -> None:
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
def test_many_companies_get_a_list_in_the_same_order(model: inference.Model, body: object) -> None:
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
    model: inference.Model,
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
    model: inference.Model, body: str, content_type: str
) -> None:
    assert ask(model, body, content_type, "*/*")[:2] == (200, content_type)


def test_without_a_version_the_answer_has_null(
    model: inference.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_PACKAGE_VERSION")
    assert json.loads(ask(model, {"data": [1, 0, 0]})[2])["model"] == {"version": None, "contract": HASH}


@pytest.mark.parametrize(
    "content_type", ["application/x-npy", "text/plain", "application/x-recordio-protobuf"]
)
def test_other_content_types_are_415(model: inference.Model, content_type: str) -> None:
    assert error(model, b"\x93NUMPY", content_type) == (415, "unsupported_media_type", {})


def test_other_charsets_are_415(model: inference.Model) -> None:
    assert error(model, b"1,0,0", "text/csv; charset=utf-16")[:2] == (415, "unsupported_media_type")


@pytest.mark.parametrize("accept", ["application/x-npy", "text/html", "application/json;q=0", "text/csv;q=x"])
def test_other_accepted_types_are_415(model: inference.Model, accept: str) -> None:
    assert error(model, {"data": [1, 0, 0]}, JSON, accept) == (415, "unsupported_media_type", {})


@pytest.mark.parametrize(
    ("body", "content_type", "loc", "message"),
    [
        ("", JSON, (), "Expecting value"),
        ('{"data": [1, 2,', JSON, (), "Expecting value"),
        (b'{"data": "\xff"}', JSON, (), "Byte 10 is not valid UTF-8"),
        ("[" * 200_000, JSON, (), "nested too deeply"),
        ("[1, 0, 0]\nnone\n", LINES, (1,), "Expecting value"),
        ("[1, 0, 0]\n\n[1, 0, 0]\n", LINES, (1,), "Expecting value"),
    ],
)
def test_invalid_json_is_400(
    model: inference.Model, body: str | bytes, content_type: str, loc: tuple[Any, ...], message: str
) -> None:
    status, code, details = error(model, body, content_type)
    assert (status, code, list(details)) == (400, "invalid_json", [loc])
    assert message in details[loc]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"contract": "0123456789abcdef", "data": [1]}, JSON),
        ({"contract": "0123456789abcdef", "instances": [[1]]}, JSON),
        ([{"contract": "0123456789abcdef", "features": {}}], JSON),
        ('{"contract": "0123456789abcdef", "data": [1]}', LINES),
    ],
)
def test_another_contract_is_409_before_other_checks(
    model: inference.Model, body: object, content_type: str
) -> None:
    status, _, text = ask(model, body, content_type)
    found = json.loads(text)["error"]
    assert (status, found["code"], found["served"]) == (409, "contract_mismatch", HASH)


INVALID: list[tuple[str, object, str, dict[tuple[Any, ...], str]]] = [
    ("too few", {"data": [1, 2]}, JSON, {("data",): "has 2 numbers; it must have 3"}),
    (
        "too many",
        {"instances": [[1, 2, 3], [1, 2, 3, 4]]},
        JSON,
        {("instances", 1): "has 4 numbers; it must have 3"},
    ),
    ("none", {"data": []}, JSON, {("data",): "has 0 numbers; it must have 3"}),
    ("csv count", "1,2,3\n1,2\n", CSV, {(1,): "has 2 numbers; it must have 3"}),
    ("csv blank line", "1,2,3\n\n1,2,3\n", CSV, {(1,): "has 0 numbers; it must have 3"}),
    ("csv header", ",".join(NAMES) + "\n1,2,3", CSV, {(0,): "without a header line"}),
    ("csv quotes", '1,2,"3', CSV, {(0,): "Line 1 is not CSV"}),
    ("csv bytes", b"1,2,\xff", CSV, {(): "Byte 4 is not valid UTF-8"}),
    (
        "csv values",
        "1,,NaN\nx,1_0,-inf",
        CSV,
        {
            (0, 1): "'Cash flow per share' is empty",
            (0, 2): "'ROA(A)' is not a finite number",
            (1, 0): "'Debt ratio %' is the text 'x'",
            (1, 1): "the text '1_0'",
            (1, 2): "not a finite number",
        },
    ),
    ("csv range", "1,1e999,3", CSV, {(0, 1): "not a finite number"}),
    (
        "kinds",
        {"instances": [["1", True, None], [[1], {}, False]]},
        JSON,
        {
            ("instances", 0, 0): "'Debt ratio %' is the text '1'; it must be a number",
            ("instances", 0, 1): "is true",
            ("instances", 0, 2): "is null",
            ("instances", 1, 0): "is a list",
            ("instances", 1, 1): "is an object",
            ("instances", 1, 2): "is false",
        },
    ),
    (
        "not a finite number",
        '{"data": [NaN, -Infinity, 1e400]}',
        JSON,
        {
            ("data", 0): "not a finite number",
            ("data", 1): "not a finite number",
            ("data", 2): "is not a finite number",
        },
    ),
    ("whole number", '{"data": [0, 1' + "0" * 5000 + ", 1]}", JSON, {("data", 1): "not a finite number"}),
    (
        "names",
        {"features": {"Debt ratio": 1, "cash flow per share": 1, "xyz": 1, "ROA(A)": "?"}},
        JSON,
        {
            ("features", "Debt ratio"): "'Debt ratio' is unknown: did you mean 'Debt ratio %'?",
            ("features", "cash flow per share"): "did you mean 'Cash flow per share'?",
            ("features", "xyz"): "'xyz' is unknown: the model has no such feature",
            ("features", "Debt ratio %"): "'Debt ratio %' is missing",
            ("features", "Cash flow per share"): "'Cash flow per share' is missing",
            ("features", "ROA(A)"): "'ROA(A)' is the text '?'",
        },
    ),
    (
        "named instance",
        [{"Debt ratio %": 1, "Cash flow per share": 1}],
        JSON,
        {(0, "ROA(A)"): "'ROA(A)' is missing"},
    ),
    ("long name", {"features": {**NAMED, "x" * 9999: 1}}, JSON, {("features", "x" * 200): "is unknown"}),
    (
        "twice",
        '{"features": {"ROA(A)": 1, "ROA(A)": 2}}',
        JSON,
        {("ROA(A)",): "'ROA(A)' is given more than once"},
    ),
    ("empty object", {}, JSON, {(): "none of 'data', 'features' and 'instances'"}),
    ("bare names", NAMED, JSON, {(): 'send {"data": [numbers]}'}),
    ("both", {"data": [1, 2, 3], "features": NAMED}, JSON, {(): "'data' and 'features'"}),
    ("beside data", {"data": [1, 2, 3], "x": 1}, JSON, {("x",): "'x' is not allowed next to 'data'"}),
    ("beside instances", {"instances": [], "x": 1}, JSON, {("x",): "not allowed next to 'instances'"}),
    ("data object", {"data": NAMED}, JSON, {("data",): "must be a list of numbers"}),
    ("features list", {"features": [1, 2, 3]}, JSON, {("features",): "must be an object"}),
    ("instances object", {"instances": {"a": 1}}, JSON, {("instances",): "must be a list"}),
    ("no instances", {"instances": []}, JSON, {("instances",): "no companies"}),
    ("empty list", [], JSON, {(): "no companies"}),
    ("empty csv", "", CSV, {(): "no companies"}),
    ("empty lines", "\n", LINES, {(): "no companies"}),
    ("bare numbers", [1, 2, 3], JSON, {(): "A list must contain companies, not numbers"}),
    ("mixed", [[1, 2, 3], 4, "x"], JSON, {(1,): "it is the number 4.0", (2,): "it is the text 'x'"}),
    ("a number", "5", JSON, {(): "The body is the number 5.0"}),
    ("text", '"x"', JSON, {(): "The body is the text 'x'"}),
    (
        "contract number",
        {"contract": 5, "data": [1, 2, 3]},
        JSON,
        {("contract",): "must be the contract's hash"},
    ),
    ("line", "5\n", LINES, {(0,): "it is the number 5.0"}),
]


@pytest.mark.parametrize(
    ("body", "content_type", "details"), [case[1:] for case in INVALID], ids=[c[0] for c in INVALID]
)
def test_invalid_requests_are_422_with_locations(
    model: inference.Model, body: object, content_type: str, details: dict[tuple[Any, ...], str]
) -> None:
    status, code, found = error(model, body, content_type, CSV)
    assert (status, code) == (422, "validation_failed")
    assert set(found) == set(details)
    for loc, message in details.items():
        assert message in found[loc]


def test_at_most_twenty_problems_are_reported(model: inference.Model) -> None:
    status, _, text = ask(model, {"instances": [["x", "y", "z"]] * 50})
    found = json.loads(text)["error"]
    assert status == 422
    assert len(found["details"]) == 20
    assert found["details"][19]["loc"] == ["instances", 6, 1]
    assert found["message"].endswith("The first 20 problems are listed.")


def test_a_hundred_thousand_companies_are_answered_and_one_more_is_rejected(model: inference.Model) -> None:
    status, _, text = ask(model, "1,0,0\n" * 100_000, CSV, CSV)
    assert status == 200
    assert text.count("\n") == 100_000
    assert error(model, "1,0,0\n" * 100_001, CSV) == (
        422,
        "validation_failed",
        {(): "100001 companies are too many. Send at most 100000 at once."},
    )


MILLION = 1_000_000
# Body, content type, and the message for the location.
MILLIONS: list[tuple[str, str, str, tuple[Any, ...], str]] = [
    ("commas", "," * 3 * MILLION, CSV, (0,), "Line 1 has 3000001 cells; at most 10000 are allowed."),
    ("blanks", "1,2,3\n" + " ," * 2 * MILLION, CSV, (1,), "Line 2 has 2000001 cells"),
    ("quotes", '"",' * MILLION, CSV, (0,), "Line 1 has 1000001 cells"),
    ("lines of commas", ("," * 59 + "\n") * 100_000, CSV, (0,), "has 60 numbers; it must have 3"),
    ("newlines", "\n" * 6 * MILLION, CSV, (), "no companies"),
    ("returns", "\r\n" * 3 * MILLION, LINES, (), "no companies"),
    ("blank lines", "1,2,3\n" + "\n" * 5 * MILLION + "1,2,3\n", CSV, (), "5000002 companies are too many"),
    ("lists", f"[{'[],' * 2 * MILLION}[]]", JSON, (), "2000002 lists and objects are too many"),
    ("objects", f"[{'{},' * 2 * MILLION}{{}}]", LINES, (), "2000002 lists and objects are too many"),
    ("values", f'{{"data":[{"0," * 3 * MILLION}0]}}', JSON, (), "3000001 values are too many for 2 lists"),
    ("names", f'{{"features":{{{",".join(map(str, range(MILLION)))}}}}}', JSON, (), "1000000 values are too"),
]


@pytest.mark.parametrize(
    ("body", "content_type", "loc", "message"), [case[1:] for case in MILLIONS], ids=[c[0] for c in MILLIONS]
)
def test_millions_of_values_or_lines_are_rejected_in_under_a_second(
    model: inference.Model, body: str, content_type: str, loc: tuple[Any, ...], message: str
) -> None:
    started = time.process_time()
    status, _, details = error(model, body, content_type)
    assert time.process_time() - started < 1.0
    assert status == 422
    assert message in details[loc]


@pytest.mark.parametrize("content_type", [JSON, LINES])
def test_the_largest_number_of_companies_is_accepted(content_type: str) -> None:
    company = json.dumps({"features": NAMED})
    body = "\n".join([company] * 100_000)
    request = decode(body if content_type == LINES else f"[{body.replace(chr(10), ',')}]", content_type)
    assert len(request.instances) == 100_000


def test_lines_after_the_first_twenty_problems_are_not_parsed(model: inference.Model) -> None:
    # GIVEN 20 lines with a problem each, then a line that is not CSV
    body = "1,2,3\n" + "1,,3\n" * 20 + '"'
    _, _, details = error(model, body, CSV)
    assert list(details) == [(line, 1) for line in range(1, 21)]
    # WHEN there is one problem fewer, THEN that line is reached
    assert error(model, "1,2,3\n" + "1,,3\n" * 19 + '"', CSV)[2].keys() == {(20,)}


def test_a_line_has_at_most_ten_thousand_cells(model: inference.Model) -> None:
    assert error(model, "1," * 9_999 + "1", CSV)[2] == {
        (0,): "The company has 10000 numbers; it must have 3."
    }
    assert "10001 cells; at most 10000" in error(model, "1," * 10_000 + "1", CSV)[2][(0,)]


def test_the_largest_numbers_have_probabilities(model: inference.Model) -> None:
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
