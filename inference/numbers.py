"""Checks texts and values that must be numbers: one rule for company files, the container and the API."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from math import hypot, isfinite
from typing import Final

# Far above any ratio, and small enough that the squares in scaling stay finite.
LARGEST: Final = 1e150

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_BLANKS = "\u00a0\u2007\u2009\u202f"  # no-break and thin spaces, which spreadsheets put between digits


def numbers(cells: Sequence[str]) -> list[float] | None:
    """Return the numbers of cells; None if any cell has a problem (see `number_problem`)."""
    if not is_plain("".join(cells)):
        return None
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    return values if are_in_range(values) else None


def number_problem(text: str) -> str:
    """Return the problem of a number's text, as the rest of a sentence; empty if it is a number.

    A number has ASCII digits, at most one point, and optionally a sign and an exponent. It is within
    ±`LARGEST`. White space around it is ignored.
    """
    if not text.strip():
        return "is empty"
    try:
        value = float(text)
    except ValueError:
        return _not_a_number(text)
    return value_problem(value) if is_plain(text) else _not_a_number(text)


def value_problem(value: float) -> str:
    """Return the problem of a number, as the rest of a sentence; empty if it can be used."""
    if not isfinite(value):
        return "is not a finite number"
    return f"is beyond ±{LARGEST:g}" if abs(value) > LARGEST else ""


def are_in_range(values: Sequence[float]) -> bool:
    """Return whether all numbers are finite and within ±`LARGEST`."""
    # No number is larger than the hypotenuse, so checking it is enough. Comparisons with NaN are false.
    return hypot(*values) <= LARGEST or all(abs(value) <= LARGEST for value in values)


def is_plain(text: str) -> bool:
    """Return whether a text has no underscores and no characters that only Python accepts in numbers."""
    return "_" not in text and text.isascii()


def _not_a_number(text: str) -> str:
    text = text.strip(string.whitespace)
    is_usual = {
        "is true or false, not a number; write 1 or 0": text.casefold() in ("true", "false"),
        "is a percentage, not a number; write 12% as 0.12": text.endswith("%"),
        "is not a number: it has commas between its digits; write 1,234.5 as 1234.5": bool(
            _THOUSANDS.fullmatch(text)
        ),
        "is not a number: it has a decimal comma; write 1,5 as 1.5": bool(_DECIMAL_COMMA.fullmatch(text)),
        "is not a number: it contains a no-break space; remove it": any(blank in text for blank in _BLANKS),
        "is not a number: it has digits or signs that are not ASCII; write 0 to 9": not text.isascii()
        and any(map(str.isdigit, text)),
    }
    return next((problem for problem, is_it in is_usual.items() if is_it), "is not a number")
