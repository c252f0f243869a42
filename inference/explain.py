"""Explanations: which features move a company's score, seen by putting the median in the place of each.

The score is the log-odds of bankruptcy. A feature's effect is the company's score minus its score with that
feature alone at the median of the training companies, everything the model derives from it included. So it
says what this model makes of this value. It is no cause, and of features that say the same thing each can
have a small effect while together they decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.artifact import Model
from inference.errors import Problem, invalid
from inference.forward.stage import Floats

FEATURES: Final = 5
# Each company is as much work as features + 1 companies without explanation
MAX_COMPANIES: Final = 100
# Beyond, the probability is 0 or 1 to a 64-bit number; keeps differences finite
_LARGEST_LOG_ODDS: Final = 700.0
# Smaller effects are rounding errors of the arithmetic
_DIGITS: Final = 6


@dataclass(frozen=True)
class Effect:
    """How a feature's value moves a company's log-odds of bankruptcy, compared to the median."""

    feature: str
    value: float
    median: float
    effect: float

    @property
    def direction(self) -> str:
        """Whether the value `raises` or `lowers` the risk."""
        return "raises" if self.effect > 0 else "lowers"


def explain(model: Model, X: Floats) -> list[list[Effect]]:
    """Return for each company the features that move its score most, at most five, largest effect first.

    Parameters
    ----------
    model
        What predicts.
    X
        (n, k) finite numbers: at most 100 companies, as the model takes them.

    Raises
    ------
    RequestError
        If there are more companies, or the model's contract states no medians.
    """
    contract = model.contract
    if not contract.medians:
        message = "The model served was trained without what explanations need; ask without."
        raise invalid([Problem(("explain",), message)])
    if len(X) > MAX_COMPANIES:
        message = (
            f"At most {MAX_COMPANIES} companies are explained at once, {len(X):,} were sent; "
            "send fewer, or ask without."
        )
        raise invalid([Problem(("explain",), message)])
    # One by one: the arrays of a company's rows stay within a processor's caches, those of all would not
    return [_largest(model, company) for company in X]


def _largest(model: Model, company: Floats) -> list[Effect]:
    names, medians = model.contract.names, model.contract.medians
    effects = _effects(model, company)
    places = np.argsort(-np.abs(effects), kind="stable")[:FEATURES]
    return [
        Effect(names[at], float(company[at]), medians[at], float(effects[at]))
        for at in places
        if effects[at] != 0
    ]


def _effects(model: Model, company: Floats) -> Floats:
    """Return each feature's effect, (k,)."""
    width = len(company)
    # A row for each feature at its median, then the company itself
    rows = np.tile(company, (width + 1, 1))
    np.fill_diagonal(rows, model.contract.medians)
    scores = np.clip(model.log_odds(rows), -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
    # Where the arithmetic overflows with the median in place, nothing is known of the effect
    effects: Floats = np.nan_to_num(np.round(scores[-1] - scores[:-1], _DIGITS), nan=0.0)
    return effects
