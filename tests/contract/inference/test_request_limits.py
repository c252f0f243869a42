"""Limits of a request: companies, lines, cells and values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.models.handlers import CSV, JSON, LINES, NAMED, ask, error
from support.timing import cpu_time_below

from inference.artifact import Model
from inference.request import decode


def test_a_hundred_thousand_companies_are_answered_and_one_more_is_rejected(model: Model) -> None:
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
def test_millions_of_values_or_lines_are_rejected_before_they_are_parsed(
    model: Model, body: str, content_type: str, loc: tuple[Any, ...], message: str
) -> None:
    with cpu_time_below(5):
        status, _, details = error(model, body, content_type)
    assert status == 422
    assert message in details[loc]


@pytest.mark.parametrize("content_type", [JSON, LINES])
def test_the_largest_number_of_companies_is_accepted(content_type: str) -> None:
    company = json.dumps({"features": NAMED})
    body = "\n".join([company] * 100_000)
    request = decode(body if content_type == LINES else f"[{body.replace(chr(10), ',')}]", content_type)
    assert len(request.instances) == 100_000


def test_a_line_has_at_most_ten_thousand_cells(model: Model) -> None:
    assert error(model, "1," * 9_999 + "1", CSV)[2] == {
        (0,): "The company has 10000 numbers; it must have 3."
    }
    assert "10001 cells; at most 10000" in error(model, "1," * 10_000 + "1", CSV)[2][(0,)]
