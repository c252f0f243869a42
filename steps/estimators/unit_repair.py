"""Unit repair: brings the values of a column, which the data file holds in two units, into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

Floats = NDArray[np.float64]

# The columns with values beyond 1. In each, values lie between 0 and 1 or between about 1e4 and 1e10,
# as if one part had been divided by 1e10 and the other multiplied by 1e4: the smallest of the former
# that is not 0 is near 1e-4, and the largest of the latter is 1e10. This is inferred from the data;
# no description of the data set mentions it. Undone, single columns tell companies apart far better.
MIXED_UNITS = (
    "Operating Expense Rate",
    "Research and development expense rate",
    "Interest-bearing debt interest rate",
    "Revenue Per Share (Yuan ¥)",
    "Total Asset Growth Rate",
    "Net Value Growth Rate",
    "Current Ratio",
    "Quick Ratio",
    "Total debt/Total net worth",
    "Accounts Receivable Turnover",
    "Average Collection Days",
    "Inventory Turnover Rate (times)",
    "Fixed Assets Turnover Frequency",
    "Revenue per person",
    "Allocation rate per person",
    "Quick Assets/Current Liability",
    "Cash/Current Liability",
    "Inventory/Current Liability",
    "Long-term Liability to Current Assets",
    "Current Asset Turnover Rate",
    "Quick Asset Turnover Rate",
    "Cash Turnover Rate",
    "Fixed Assets to Assets",
    "Total assets to GNP price",
)
# Not 1 itself: some values are 1 but for a rounding error.
LARGEST_SMALL = 1.0000001
LARGE_FACTOR = 1e-10
SMALL_FACTOR = 1e4


class UnitRepair(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Multiplies the large values of the columns in `MIXED_UNITS` by 1e-10 and the others by 1e4.

    Parameters
    ----------
    names
        The columns that come in, in order; others than `MIXED_UNITS` stay as they are.

    Notes
    -----
    Looks at each value alone, so that nothing is learnt from other companies.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    @property
    def columns(self) -> list[int]:
        """The positions of the columns that are repaired."""
        return [at for at, name in enumerate(self.names) if name in MIXED_UNITS]

    def fit(self, X: Floats, y: Any = None) -> Self:  # noqa: ARG002 (scikit-learn's signature)
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the columns in one unit each, shape as given."""
        repaired = np.array(X, dtype=np.float64)
        mixed = repaired[:, self.columns]
        factor = np.where(mixed > LARGEST_SMALL, LARGE_FACTOR, SMALL_FACTOR)
        repaired[:, self.columns] = mixed * factor
        return repaired
