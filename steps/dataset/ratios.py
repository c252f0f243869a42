"""The derived ratios: combinations of two columns that separate the classes better than either column."""

from dataclasses import dataclass

from steps.dataset.directions import direction


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

    @property
    def direction(self) -> int:
        """The direction of the risk when the ratio rises, from those of its columns; 0 if they have none.

        Columns are positive, so a product rises with both, and the other operations fall with `right`.
        """
        left, right = direction(self.left), direction(self.right)
        return left or (right if self.operation == "product" else -right)


# Ratios with a common denominator: their difference compares the numerators, and their quotient cancels the
# denominator. A product of a return and a share is high only where both are.
#
# Two kinds of ratios are left out, although they separate the classes. A difference of nearly equal columns
# is decided by digits that people round away. And if both columns have a direction, the ratio must have the
# direction of both: if the risk falls with retained earnings and with net income, it can neither rise nor
# fall with their difference.
DERIVED = (
    Ratio("difference", "Net Income to Total Assets", "CFO to Assets"),
    Ratio("difference", "Cash/Total Assets", "Current Liability to Assets"),
    Ratio("difference", "Quick Assets/Total Assets", "Current Liability to Assets"),
    Ratio(
        "difference", "Persistent EPS in the Last Four Seasons", "Per Share Net profit before tax (Yuan ¥)"
    ),
    Ratio("difference", "Operating Profit Per Share (Yuan ¥)", "Per Share Net profit before tax (Yuan ¥)"),
    Ratio("difference", "Operating profit per person", "Operating Profit Per Share (Yuan ¥)"),
    Ratio("quotient", "Quick Assets/Total Assets", "Current Assets/Total Assets", 1e-9),
    Ratio("quotient", "Cash/Total Assets", "Current Assets/Total Assets", 1e-9),
    Ratio("quotient", "Total expense/Assets", "Total Asset Turnover", 1e-9),
    Ratio("quotient", "Revenue Per Share (Yuan ¥)", "Net Value Per Share (A)", 1e-3),
    Ratio("quotient", "Current Asset Turnover Rate", "Quick Asset Turnover Rate", 1e-3),
    Ratio("quotient", "Fixed Assets Turnover Frequency", "Total Asset Turnover", 1e-3),
    Ratio("quotient", "Cash Turnover Rate", "Total Asset Turnover", 1e-3),
    Ratio("product", "Retained Earnings to Total Assets", "Net worth/Assets"),
    Ratio("product", "Net Income to Total Assets", "Net worth/Assets"),
    Ratio("product", "Debt ratio %", "Interest-bearing debt interest rate"),
)
