"""Explanations: how much each feature changes a company's score compared with the training median.

The score is the log-odds of bankruptcy. A feature's effect is the company's score minus its score with that
one feature replaced by the median of the training companies, including everything that the model derives from
it. The effect describes the model, not the causes of bankruptcy. Features that carry the same information can
each have a small effect even if together they decide the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.artifact import Model
from inference.errors import Problem, invalid
from inference.forward.stage import Floats

FEATURES: Final = 5
# Explaining a company is as much work as scoring (features + 1) companies.
MAX_COMPANIES: Final = 100
# Beyond this the probability is exactly 0 or 1 in 64 bits. The limit keeps differences finite.
_LARGEST_LOG_ODDS: Final = 700.0
# Smaller effects are rounding errors.
_DIGITS: Final = 6


@dataclass(frozen=True)
class Effect:
    """How a feature's value changes a company's log-odds of bankruptcy, compared with the median."""

    feature: str
    value: float
    median: float
    effect: float

    @property
    def direction(self) -> str:
        """Whether the value `raises` or `lowers` the risk."""
        return "raises" if self.effect > 0 else "lowers"


def explain(model: Model, X: Floats) -> list[list[Effect]]:
    """Return the features that change each company's score most: up to five, largest effect first.

    Parameters
    ----------
    model
        The model.
    X
        (n, k) finite numbers: at most 100 companies with the model's columns.

    Raises
    ------
    RequestError
        If there are more companies, or the model's contract has no medians.
    """
    contract = model.contract
    if not contract.medians:
        message = "The model in service has no medians, so it cannot explain. Set 'explain' to false."
        raise invalid([Problem(("explain",), message)])
    if len(X) > MAX_COMPANIES:
        message = (
            f"At most {MAX_COMPANIES} companies can be explained at once, but {len(X):,} were sent. "
            "Send fewer companies, or set 'explain' to false."
        )
        raise invalid([Problem(("explain",), message)])
    # One by one, because the arrays of one company fit into the processor's caches.
    return [_largest(model, company) for company in X]


def _largest(model: Model, company: Floats) -> list[Effect]:
    names, medians = model.contract.names, model.contract.medians
    effects = _effects(model, company)
    largest = np.argsort(-np.abs(effects), kind="stable")[:FEATURES]
    return [
        Effect(names[index], float(company[index]), medians[index], float(effects[index]))
        for index in largest
        if effects[index] != 0
    ]


def _effects(model: Model, company: Floats) -> Floats:
    """Return each feature's effect, (k,)."""
    width = len(company)
    # One row for each feature at its median, then the unchanged company.
    rows = np.tile(company, (width + 1, 1))
    np.fill_diagonal(rows, model.contract.medians)
    scores = np.clip(model.log_odds(rows), -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
    # The effect is unknown if the arithmetic overflows with the median.
    effects: Floats = np.nan_to_num(np.round(scores[-1] - scores[:-1], _DIGITS), nan=0.0)
    return effects
