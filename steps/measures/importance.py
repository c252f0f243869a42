"""Which features matter: how much of a model's ROC-AUC is lost when a feature's values are mixed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steps.measures.metrics import Floats, Labels, roc_auc

# A fixed number of predictions, shared out among features, whatever the number of companies.
PREDICTIONS = 60_000
REPEATS = 3
# Fewer companies would say more about themselves than about the model.
FEWEST_COMPANIES = 100


@dataclass(frozen=True)
class Importance:
    """A feature, and the ROC-AUC lost without it: mean and standard deviation over the repeats."""

    name: str
    lost: float
    standard_deviation: float


def permutation_importance(
    predict_proba: Callable[[Floats], Floats], X: Floats, y: Labels, names: Sequence[str], seed: int
) -> list[Importance]:
    """Return the features, the one that matters most first.

    Parameters
    ----------
    predict_proba
        Of the model.
    X : array of shape (n, k)
        Companies that the model has not seen. Of many, all bankrupt ones count (up to half of those
        that the budget allows) and others drawn by lot.
    y : array of shape (n,)
        1 for bankrupt.
    names
        The k features.
    seed
        Draws companies and permutations.

    Notes
    -----
    Breiman (2001), "Random forests", section 10, on unseen companies. Of two features that say the same,
    each looks unimportant, since the other stands in for it.
    """
    generator = np.random.default_rng(seed)
    companies = _sample(y, max(PREDICTIONS // (REPEATS * len(names)), FEWEST_COMPANIES), generator)
    X, y = X[companies], y[companies]
    whole = roc_auc(y, predict_proba(X))
    found = []
    for at, name in enumerate(names):
        lost = np.empty(REPEATS)
        for repeat in range(REPEATS):
            mixed = X.copy()
            mixed[:, at] = generator.permutation(mixed[:, at])
            lost[repeat] = whole - roc_auc(y, predict_proba(mixed))
        found.append(Importance(name, float(np.mean(lost)), float(np.std(lost, ddof=1))))
    return sorted(found, key=lambda each: -each.lost)


def _sample(
    y: Labels, most: int, generator: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    if len(y) <= most:
        return np.arange(len(y))
    bankrupt, other = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    bankrupt = generator.permutation(bankrupt)[: max(most // 2, most - len(other))]
    return np.concatenate([bankrupt, generator.permutation(other)[: most - len(bankrupt)]])
