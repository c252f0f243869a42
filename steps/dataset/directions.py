"""Lists the ratios with a known direction: economics implies that more of them raises or lowers the risk.

A ratio is listed only if a larger value is worse, or better, for a company in any industry, whatever its
other ratios are. The following are not listed: growth and turnover rates, because fast growth can be strength
or overtrading; margins and profits per person, because they differ between industries; the cash flow of a
single year, because a growing company spends it on stock; and ratios to equity, because negative equity
reverses their sign.
"""

from typing import Final

RAISES: Final = 1
LOWERS: Final = -1

_PROFIT: Final = "a company that earns more on its assets can pay more"
_VALUE: Final = "shareholders own or earn more for each share"
_LIQUIDITY: Final = "there is more to pay the debts that are due soon"
_EQUITY: Final = "equity absorbs losses before creditors do"
_DEBT: Final = "more debt has to be repaid from the same assets"
_SOON: Final = "more debt is due soon"

# The direction of the risk when the ratio rises, and the reason.
DIRECTIONS: Final[dict[str, tuple[int, str]]] = {
    "ROA(C) before interest and depreciation before interest": (LOWERS, _PROFIT),
    "ROA(A) before interest and % after tax": (LOWERS, _PROFIT),
    "ROA(B) before interest and depreciation after tax": (LOWERS, _PROFIT),
    "Net Value Per Share (B)": (LOWERS, _VALUE),
    "Net Value Per Share (A)": (LOWERS, _VALUE),
    "Net Value Per Share (C)": (LOWERS, _VALUE),
    "Persistent EPS in the Last Four Seasons": (LOWERS, _VALUE),
    "Current Ratio": (LOWERS, _LIQUIDITY),
    "Quick Ratio": (LOWERS, _LIQUIDITY),
    "Debt ratio %": (RAISES, _DEBT),
    "Net worth/Assets": (LOWERS, _EQUITY),
    "Working Capital to Total Assets": (LOWERS, _LIQUIDITY),
    "Cash/Total Assets": (LOWERS, _LIQUIDITY),
    "Quick Assets/Current Liability": (LOWERS, _LIQUIDITY),
    "Cash/Current Liability": (LOWERS, _LIQUIDITY),
    "Current Liability to Assets": (RAISES, _SOON),
    "Retained Earnings to Total Assets": (LOWERS, "retained profits absorb losses"),
    "Current Liability to Current Assets": (RAISES, _SOON),
    "Liability-Assets Flag": (RAISES, "the debts are larger than all assets"),
    "Net Income to Total Assets": (LOWERS, _PROFIT),
    "Equity to Liability": (LOWERS, _EQUITY),
}


def direction(name: str) -> int:
    """Return `RAISES` or `LOWERS` for a listed ratio, otherwise 0."""
    return DIRECTIONS[name][0] if name in DIRECTIONS else 0
