"""Appends ratios of two columns, which trees and networks cannot easily learn from the single columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from steps.dataset.directions import direction
from steps.dataset.ratios import DERIVED, Ratio

Floats = NDArray[np.float64]

# Larger than any meaningful value, and well within the range of float32, which forests compare in.
LARGEST = 1e12


class DerivedRatios(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Appends the derived ratios, and clips all values to ±1e12; undefined values become 0.

    Parameters
    ----------
    names
        The input columns, in order, with their units repaired. A ratio is appended if both of its columns
        are present.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    @property
    def ratios(self) -> list[Ratio]:
        """The ratios that are appended, in order."""
        present = set(self.names)
        return [ratio for ratio in DERIVED if {ratio.left, ratio.right} <= present]

    @property
    def directions(self) -> list[int]:
        """The direction of the risk when each output column rises: 1, -1, or 0 if it has none."""
        return [*map(direction, self.names), *(ratio.direction for ratio in self.ratios)]

    def fit(self, X: Floats, y: Any = None) -> Self:  # noqa: ARG002 (scikit-learn's signature)
        """Record the number of columns; nothing is learned."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the input columns followed by the derived ratios, shape (rows, columns + ratios)."""
        clipped = np.clip(X, -LARGEST, LARGEST)
        position = {name: index for index, name in enumerate(self.names)}
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            derived = [
                _value(ratio, clipped[:, position[ratio.left]], clipped[:, position[ratio.right]])
                for ratio in self.ratios
            ]
        columns = np.column_stack([clipped, *derived])
        bounded: Floats = np.clip(np.nan_to_num(columns, nan=0.0), -LARGEST, LARGEST)
        return bounded


def _value(ratio: Ratio, left: Floats, right: Floats) -> Floats:
    if ratio.operation == "difference":
        return left - right
    if ratio.operation == "product":
        return left * right
    return left / (right + ratio.offset)
