"""Explanations: how much each feature contributes to a company's score, compared with the median company.

The score is the log-odds of bankruptcy. The median company has every feature at the median of the training
companies. The effects of all features add up to the company's score minus the median company's score.

An effect estimates the feature's Shapley value: the change of the score when the company's value replaces the
median, averaged over orders in which the features are replaced. Two orders are used: the order of the
contract, and its reverse (L. Mitchell et al., "Sampling Permutations for Shapley Value Estimation", Journal
of Machine Learning Research 23, 2022, on antithetic permutations). This is exact if the model has no
interactions of more than two features; docs/serving.md has the measured difference for our models. Effects
describe the model, not the causes of bankruptcy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.artifact import Model
from inference.errors import Problem, invalid
from inference.forward.stage import Floats

FEATURES: Final = 5
# Explaining a company takes as long as scoring two companies for each feature.
MAX_COMPANIES: Final = 100
# Beyond this the probability is exactly 0 or 1 in 64 bits. The limit keeps differences finite.
_LARGEST_LOG_ODDS: Final = 700.0
# Smaller effects are rounding errors.
_DIGITS: Final = 6


@dataclass(frozen=True)
class Effect:
    """The contribution of a feature to a company's log-odds of bankruptcy, compared with its median."""

    feature: str
    value: float
    median: float
    effect: float

    @property
    def direction(self) -> str:
        """Whether the value `raises` or `lowers` the risk."""
        return "raises" if self.effect > 0 else "lowers"


@dataclass(frozen=True)
class Explanation:
    """A company's score, and the features that contribute most to it.

    Attributes
    ----------
    effects
        Up to five features, the largest effect first.
    score, median_score
        The log-odds of the company, and of the median company.
    """

    effects: tuple[Effect, ...]
    score: float
    median_score: float

    @property
    def other_effects(self) -> float:
        """The sum of the effects that are not listed."""
        listed = sum(effect.effect for effect in self.effects)
        # Adding 0.0 turns -0.0 into 0.0.
        return round(self.score - self.median_score - listed, _DIGITS) + 0.0


def explain(model: Model, X: Floats) -> list[Explanation]:
    """Return the explanation of each company.

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
    return [_explain(model, company) for company in X]


def _explain(model: Model, company: Floats) -> Explanation:
    names, medians = model.contract.names, model.contract.medians
    effects, score, median_score = contributions(model, company)
    largest = np.argsort(-np.abs(effects), kind="stable")[:FEATURES]
    listed = [
        Effect(names[index], float(company[index]), medians[index], float(effects[index]))
        for index in largest
        if effects[index] != 0
    ]
    return Explanation(tuple(listed), score, median_score)


def contributions(model: Model, company: Floats) -> tuple[Floats, float, float]:
    """Return each feature's effect, (k,), and the scores of the company and of the median company."""
    width = len(company)
    # Row i takes the first i features from the company in the first half, and from the medians in the second.
    first = np.tri(width + 1, width, -1, dtype=bool)
    rows = np.where(np.concatenate([first, ~first]), company, model.contract.medians)
    scores = np.clip(model.log_odds(rows), -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
    in_order, in_reverse = np.split(np.round(scores, _DIGITS), 2)
    effects = (np.diff(in_order) - np.diff(in_reverse)) / 2
    # The effect is unknown if the arithmetic overflows between the two companies.
    effects = np.nan_to_num(np.round(effects, _DIGITS), nan=0.0)
    return effects, float(in_order[-1]), float(in_order[0])
