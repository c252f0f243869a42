"""Converts columns with values in two units to one unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from steps.dataset.units import in_one_unit, mixed_columns

Floats = NDArray[np.float64]


class UnitRepair(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Multiplies the large values of the columns in `MIXED_UNITS` by 1e-10 and the others by 1e4.

    Parameters
    ----------
    names
        The input columns, in order; columns that are not in `MIXED_UNITS` stay unchanged.

    Notes
    -----
    Each value is converted independently, so nothing is learned from other companies.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    @property
    def columns(self) -> list[int]:
        """Indexes of the columns to convert."""
        return mixed_columns(self.names)

    def fit(self, X: Floats, y: Any = None) -> Self:  # noqa: ARG002 (scikit-learn's signature)
        """Record the number of columns; nothing is learned."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """Return `X` with each column in one unit."""
        return in_one_unit(X, self.columns)
