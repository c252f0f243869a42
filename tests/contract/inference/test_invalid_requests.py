"""Invalid requests are rejected with a code, and the location of every problem."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.models.handlers import CSV, HASH, JSON, LINES, NAMED, NAMES, ask, error

from inference.artifact import Model


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
    model: Model, body: str | bytes, content_type: str, loc: tuple[Any, ...], message: str
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
def test_another_contract_is_409_before_other_checks(model: Model, body: object, content_type: str) -> None:
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
    model: Model, body: object, content_type: str, details: dict[tuple[Any, ...], str]
) -> None:
    status, code, found = error(model, body, content_type, CSV)
    assert (status, code) == (422, "validation_failed")
    assert set(found) == set(details)
    for loc, message in details.items():
        assert message in found[loc]


def test_at_most_twenty_problems_are_reported(model: Model) -> None:
    status, _, text = ask(model, {"instances": [["x", "y", "z"]] * 50})
    found = json.loads(text)["error"]
    assert status == 422
    assert len(found["details"]) == 20
    assert found["details"][19]["loc"] == ["instances", 6, 1]
    assert found["message"].endswith("The first 20 problems are listed.")


def test_lines_after_the_first_twenty_problems_are_not_parsed(model: Model) -> None:
    # GIVEN 20 lines with a problem each, then a line that is not CSV
    body = "1,2,3\n" + "1,,3\n" * 20 + '"'
    _, _, details = error(model, body, CSV)
    assert list(details) == [(line, 1) for line in range(1, 21)]
    # WHEN there is one problem fewer, THEN that line is reached
    assert error(model, "1,2,3\n" + "1,,3\n" * 19 + '"', CSV)[2].keys() == {(20,)}
