"""The columns that hold values in two units, and how to convert both to one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# All columns with values above 1. Their values lie between 0 and 1, or between about 1e4 and 1e10, as if one
# part had been divided by 1e10 and the other multiplied by 1e4: the smallest of the former that is not 0 is
# near 1e-4, and the largest of the latter is 1e10. This is inferred from the data; no description of the data
# set mentions it. After the conversion, single columns separate the classes far better.
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
# A little above 1, because some values are 1 plus a rounding error.
LARGEST_SMALL = 1.0000001
LARGE_FACTOR = 1e-10
SMALL_FACTOR = 1e4
# No value of the file lies between the two units; the smallest of the large ones is 580,000.
SMALLEST_LARGE = 1e5


def mixed_columns(names: Sequence[str]) -> list[int]:
    """Return the indexes of the columns that hold values in two units."""
    return [index for index, name in enumerate(names) if name in MIXED_UNITS]


def in_one_unit(X: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    """Return a copy of `X` in which each of the given columns is in one unit."""
    repaired = np.array(X, dtype=np.float64)
    mixed = repaired[:, columns]
    repaired[:, columns] = mixed * np.where(mixed > LARGEST_SMALL, LARGE_FACTOR, SMALL_FACTOR)
    return repaired


def two_units(name: str) -> dict[str, float] | None:
    """Return the conversion of a column with two units, for the contract; None for a column with one unit."""
    if name not in MIXED_UNITS:
        return None
    return {
        "largest_small": LARGEST_SMALL,
        "small_factor": SMALL_FACTOR,
        "smallest_large": SMALLEST_LARGE,
        "large_factor": LARGE_FACTOR,
    }
