"""The rule for numbers: the accepted ones, and the problem with each of the others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.numbers import LARGEST, number_problem, numbers

GRAMMAR = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@pytest.mark.parametrize(
    "text", ["0", "-1.5", "+.5", "5.", "1e-3", "1E150", "-1e150", " 1\t", "0.4\n", "1e-999"]
)
def test_numbers_are_accepted(text: str) -> None:
    assert number_problem(text) == ""
    assert numbers(["1", text]) == [1.0, float(text)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        ("\u00a0", "is empty"),
        ("n/a", "is not a number"),
        ("1_000", "is not a number"),
        ("0x10", "is not a number"),
        ("nan", "is not a finite number"),
        ("-Infinity", "is not a finite number"),
        ("1e999", "is not a finite number"),
        ("-1.1e150", "is beyond ±1e+150"),
        ("True", "is true or false, not a number; write 1 or 0"),
        ("FALSE", "is true or false, not a number; write 1 or 0"),
        ("０.５", "is not a number: it has digits or signs that are not ASCII; write 0 to 9"),
        ("١", "is not a number: it has digits or signs that are not ASCII; write 0 to 9"),
        ("\u22121", "is not a number: it has digits or signs that are not ASCII; write 0 to 9"),
        ("1\u00a0234", "is not a number: it contains a no-break space; remove it"),
        ("1.5\u00a0", "is not a number: it contains a no-break space; remove it"),
        ("1,234.5", "is not a number: it has commas between its digits; write 1,234.5 as 1234.5"),
        ("1,5", "is not a number: it has a decimal comma; write 1,5 as 1.5"),
        ("12%", "is a percentage, not a number; write 12% as 0.12"),
    ],
)
def test_everything_else_has_a_problem(text: str, problem: str) -> None:
    assert number_problem(text) == problem
    assert numbers(["1", text]) is None


@given(text=st.one_of(st.text(max_size=6), st.from_regex(r"\s?[-+]?[0-9_.]{0,4}([eE][-+]?[0-9]{0,3})?\s?")))
def test_the_rule_is_a_grammar_and_a_range(text: str) -> None:
    is_number = bool(GRAMMAR.fullmatch(text)) and abs(float(text)) <= LARGEST
    assert (number_problem(text) == "") is is_number
    assert (numbers([text]) is not None) is is_number
