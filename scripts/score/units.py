"""Finds values between the two units of a column; nearly all of them are unconverted values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.text import counted

Floats = NDArray[np.float64]


# The API applies the same rule in lambda/predict_api, which imports no other package of this repository;
# tests/contract/test_units.py compares the two.
class Gap(NamedTuple):
    """The range between the two units of a feature, where the training data has no values.

    Attributes
    ----------
    position, name
        The feature.
    start, end
        The largest value in the one unit, and the smallest in the other.
    small_factor, large_factor
        The model multiplies values up to `start`, and above it, by these.
    """

    position: int
    name: str
    start: float
    end: float
    small_factor: float
    large_factor: float


def gaps(contract: dict[str, Any]) -> tuple[Gap, ...]:
    """Return the gaps of a contract's features."""
    return tuple(
        Gap(
            position,
            feature["name"],
            units["largest_small"],
            units["smallest_large"],
            units["small_factor"],
            units["large_factor"],
        )
        for position, feature in enumerate(contract["features"])
        if (units := feature.get("two_units"))
    )


class UnitCheck:
    """Counts the values in the gaps of their columns, and keeps the first of each column."""

    def __init__(self, of: Iterable[Gap]) -> None:
        self._gaps = tuple(of)
        self._positions = [gap.position for gap in self._gaps]
        self._starts = np.array([gap.start for gap in self._gaps])
        self._ends = np.array([gap.end for gap in self._gaps])
        self._found: dict[Gap, tuple[int, int, float]] = {}

    def add(self, lines: Sequence[int], numbers: Floats) -> None:
        """Check companies.

        Parameters
        ----------
        lines
            The numbers of their lines.
        numbers : ndarray of shape (companies, features)
            Their features in the model's order.
        """
        values = numbers[:, self._positions]
        inside = (self._starts < values) & (values < self._ends)
        for index in np.flatnonzero(inside.any(axis=0)):
            rows = np.flatnonzero(inside[:, index])
            gap, first = self._gaps[index], rows[0]
            count, line, example = self._found.get(gap, (0, lines[first], float(values[first, index])))
            self._found[gap] = (count + len(rows), line, example)

    @property
    def warnings(self) -> list[str]:
        """A warning for each column with such values."""
        return [_warning(gap, *found) for gap, found in self._found.items()]


def _warning(gap: Gap, count: int, line: int, value: float) -> str:
    converted = value / gap.small_factor
    advice = (
        f"If the true value is {value:g}, write {converted:g}."
        if converted <= gap.start
        else f"A true value of {value:g} cannot be written: the column supports true values up to "
        f"{gap.start * gap.small_factor:,.0f}. Check it."
    )
    return (
        f"{gap.name}: {counted(count, 'company')} with a value between the column's two units. In line "
        f"{line}, the model uses {value * gap.large_factor:g} for {value:g}. {advice}"
    )
