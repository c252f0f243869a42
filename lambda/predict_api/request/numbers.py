"""Checks numbers: a copy of the rule in `inference.numbers`; a test compares the two."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

LARGEST = 1e150


def are_in_range(values: Sequence[float]) -> bool:
    """Return whether all numbers are finite and within ±`LARGEST`."""
    # No number is larger than the hypotenuse, so checking it is enough. Comparisons with NaN are false.
    return hypot(*values) <= LARGEST or all(abs(value) <= LARGEST for value in values)
