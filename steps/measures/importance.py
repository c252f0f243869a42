"""Permutation importance: the ROC-AUC that a model loses when one feature's values are shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steps.measures.metrics import Floats, Labels, roc_auc

# A budget that is divided among the features, so that the time does not grow with the companies.
PREDICTIONS = 60_000
REPEATS = 3
# With fewer companies, chance would dominate the result.
FEWEST_COMPANIES = 100


@dataclass(frozen=True)
class Importance:
    """The ROC-AUC lost when a feature is shuffled: mean and standard deviation over the repeats."""

    name: str
    lost: float
    standard_deviation: float


def permutation_importance(
    predict_proba: Callable[[Floats], Floats], X: Floats, y: Labels, names: Sequence[str], seed: int
) -> list[Importance]:
    """Return the importance of each feature, the largest first.

    Parameters
    ----------
    predict_proba
        The model.
    X : array of shape (n, k)
        Companies that the model has not seen. If there are more than the budget allows, a sample is used:
        the bankrupt ones (at most half of the sample, unless the others are fewer) and random others.
    y : array of shape (n,)
        1 for bankrupt.
    names
        The k features.
    seed
        Seed of the sample and the permutations.

    Notes
    -----
    Breiman (2001), "Random forests", section 10, applied to unseen companies. If two features carry the same
    information, each looks unimportant, because the other replaces it.
    """
    generator = np.random.default_rng(seed)
    companies = _sample(y, max(PREDICTIONS // (REPEATS * len(names)), FEWEST_COMPANIES), generator)
    X, y = X[companies], y[companies]
    complete = roc_auc(y, predict_proba(X))
    found = []
    for column, name in enumerate(names):
        lost = np.empty(REPEATS)
        for repeat in range(REPEATS):
            shuffled = X.copy()
            shuffled[:, column] = generator.permutation(shuffled[:, column])
            lost[repeat] = complete - roc_auc(y, predict_proba(shuffled))
        found.append(Importance(name, float(np.mean(lost)), float(np.std(lost, ddof=1))))
    return sorted(found, key=lambda importance: -importance.lost)


def _sample(
    y: Labels, most: int, generator: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    if len(y) <= most:
        return np.arange(len(y))
    bankrupt, other = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    bankrupt = generator.permutation(bankrupt)[: max(most // 2, most - len(other))]
    return np.concatenate([bankrupt, generator.permutation(other)[: most - len(bankrupt)]])
