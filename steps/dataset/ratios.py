"""The derived ratios: combinations of two columns that separate the classes better than either column."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One derived column.

    Attributes
    ----------
    operation
        `difference`, `quotient` or `product`.
    left, right
        Names of the two columns.
    offset
        Added to the divisor of a quotient, so that dividing by 0 gives a large number instead of infinity.
    """

    operation: str
    left: str
    right: str
    offset: float = 0.0


# Ratios with a common denominator: their difference compares the numerators, and their quotient cancels the
# denominator. A product of a return and a share is high only where both are.
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
