"""Derived ratios: what two statement items say together, which trees and nets find hard to see in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

Floats = NDArray[np.float64]

# Beyond any value that makes sense, and far within what float32 holds, in which forests compare.
LARGEST = 1e12


@dataclass(frozen=True)
class Ratio:
    """One derived column, of two columns that are told by name or by position."""

    operation: str
    left: str
    right: str
    # Added to the divisor, so that a company with nothing there gets a large number, not infinity.
    offset: float = 0.0


# Differences of items over one base are differences of the items; quotients cancel a base; products
# of a return and a share are high only where both are.
DERIVED = (
    Ratio("difference", "Net Income to Total Assets", "CFO to Assets"),
    Ratio("difference", "Retained Earnings to Total Assets", "Net Income to Total Assets"),
    Ratio("difference", "Cash/Total Assets", "Current Liability to Assets"),
    Ratio("difference", "Quick Assets/Total Assets", "Current Liability to Assets"),
    Ratio("difference", "Net Value Per Share (A)", "Net Value Per Share (B)"),
    Ratio("difference", "Net Value Per Share (A)", "Net Value Per Share (C)"),
    Ratio(
        "difference", "Persistent EPS in the Last Four Seasons", "Per Share Net profit before tax (Yuan ¥)"
    ),
    Ratio(
        "difference",
        "ROA(C) before interest and depreciation before interest",
        "ROA(B) before interest and depreciation after tax",
    ),
    Ratio(
        "difference",
        "ROA(A) before interest and % after tax",
        "ROA(B) before interest and depreciation after tax",
    ),
    Ratio("difference", "Operating Profit Per Share (Yuan ¥)", "Per Share Net profit before tax (Yuan ¥)"),
    Ratio("difference", "Operating profit/Paid-in capital", "Operating Profit Per Share (Yuan ¥)"),
    Ratio("difference", "Gross Profit to Sales", "Operating Gross Margin"),
    Ratio("difference", "Realized Sales Gross Margin", "Operating Gross Margin"),
    Ratio("difference", "Pre-tax net Interest Rate", "After-tax net Interest Rate"),
    Ratio("difference", "Continuous interest rate (after tax)", "After-tax net Interest Rate"),
    Ratio("difference", "Debt ratio %", "Current Liability to Assets"),
    Ratio("difference", "Operating profit per person", "Operating Profit Per Share (Yuan ¥)"),
    Ratio("quotient", "Quick Ratio", "Current Ratio", 1e-9),
    Ratio("quotient", "Quick Assets/Total Assets", "Current Assets/Total Assets", 1e-9),
    Ratio("quotient", "Cash/Total Assets", "Current Assets/Total Assets", 1e-9),
    Ratio("quotient", "Total expense/Assets", "Total Asset Turnover", 1e-9),
    Ratio("quotient", "Revenue Per Share (Yuan ¥)", "Net Value Per Share (A)", 1e-3),
    Ratio("quotient", "Persistent EPS in the Last Four Seasons", "Net Value Per Share (A)", 1e-2),
    Ratio("quotient", "Current Asset Turnover Rate", "Quick Asset Turnover Rate", 1e-3),
    Ratio("quotient", "Fixed Assets Turnover Frequency", "Total Asset Turnover", 1e-3),
    Ratio("quotient", "Cash Turnover Rate", "Total Asset Turnover", 1e-3),
    Ratio("product", "Retained Earnings to Total Assets", "Net worth/Assets"),
    Ratio("product", "Net Income to Total Assets", "Net worth/Assets"),
    Ratio("product", "Debt ratio %", "Interest-bearing debt interest rate"),
    Ratio("product", "Average Collection Days", "Accounts Receivable Turnover"),
)


class DerivedRatios(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Appends the derived ratios and bounds all values to ±1e12; what is undefined becomes 0.

    Parameters
    ----------
    names
        The columns that come in, in order, their units repaired. A ratio exists where both of its
        columns do.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    @property
    def ratios(self) -> list[Ratio]:
        """The ratios that exist, in the order of the columns that come out."""
        present = set(self.names)
        return [ratio for ratio in DERIVED if {ratio.left, ratio.right} <= present]

    def fit(self, X: Floats, y: Any = None) -> Self:  # noqa: ARG002 (scikit-learn's signature)
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the given columns and, right of them, the derived ratios."""
        given = np.clip(X, -LARGEST, LARGEST)
        position = {name: at for at, name in enumerate(self.names)}
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            derived = [
                _value(ratio, given[:, position[ratio.left]], given[:, position[ratio.right]])
                for ratio in self.ratios
            ]
        columns = np.column_stack([given, *derived])
        bounded: Floats = np.clip(np.nan_to_num(columns, nan=0.0), -LARGEST, LARGEST)
        return bounded


def _value(ratio: Ratio, left: Floats, right: Floats) -> Floats:
    if ratio.operation == "difference":
        return left - right
    if ratio.operation == "product":
        return left * right
    return left / (right + ratio.offset)
