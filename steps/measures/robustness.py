"""Robustness: how predictions react to rounded inputs, and to a ratio that gets better or worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from steps.measures.metrics import Floats

# Takes changed values of some companies, (m, k), and the companies' indexes, (m,), and returns probabilities.
# The indexes are for out-of-fold scores: each company is scored by a model that was fitted without it.
Score = Callable[[Floats, NDArray[np.intp]], Floats]

# The significant digits that are jittered: as many as people round to, and more.
DIGITS = (3, 4, 6)
DRAWS = 5
# Companies whose ratios are moved; the result is a share, so more would hardly change it.
MOVED = 500
# Smaller differences of probabilities are rounding errors.
ROUNDING = 1e-12


def jitter(X: Floats, digits: int, generator: np.random.Generator) -> Floats:
    """Return values that are each moved by up to half a unit of a significant digit; zeros stay zeros.

    Rounding to that many digits can move a value as far.
    """
    magnitude = np.floor(np.log10(np.abs(X), out=np.zeros_like(X), where=X != 0))
    unit = np.where(X != 0, 10.0 ** (magnitude - (digits - 1)), 0.0)
    moved: Floats = X + generator.uniform(-0.5, 0.5, X.shape) * unit
    return moved


def rank_shift(column: Floats, moved: Floats) -> float:
    """Return the share of companies that a company passes when its value moves, as a mean over companies.

    Parameters
    ----------
    column, moved : arrays of shape (n,)
        The values, and the same values after a change.
    """
    ranked = np.sort(column)

    def rank(values: Floats) -> Floats:
        below, up_to = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
        return (below + up_to) / (2 * len(ranked))

    return float(np.mean(np.abs(rank(moved) - rank(column))))


def level_changes(score: Score, X: Floats, bounds: Sequence[float], seed: int) -> dict[str, float]:
    """Return the share of flagged companies whose risk level changes when all of their inputs are jittered.

    Parameters
    ----------
    score
        The model.
    X : array of shape (n, k)
        Companies.
    bounds
        The lower bound of each risk level except the first. A company is flagged at or above the first.
    seed
        Seed of the jitter.

    Returns
    -------
    dict
        For each of `DIGITS`, as text, the share of flagged companies with another level, as the mean over
        `DRAWS`; 0 if no company is flagged.
    """
    level = np.digitize(score(X, np.arange(len(X))), bounds)
    flagged = np.flatnonzero(level > 0)
    generator = np.random.default_rng(seed)
    changes = {}
    for digits in DIGITS:
        changed = [
            np.digitize(score(jitter(X[flagged], digits, generator), flagged), bounds) != level[flagged]
            for _ in range(DRAWS)
        ]
        changes[str(digits)] = float(np.mean(changed)) if len(flagged) else 0.0
    return changes


def wrong_way(
    score: Score, X: Floats, moves: Mapping[int, tuple[float, float]], rises: Mapping[int, int], seed: int
) -> dict[int, float]:
    """Return, for each given column, the share of companies whose risk moves against its direction.

    Parameters
    ----------
    score
        The model.
    X : array of shape (n, k)
        Companies; if there are more than `MOVED`, a sample is used.
    moves
        For each column, the low and the high value that each company gets in turn. Its other columns stay.
    rises
        For each column, 1 if the risk must not fall from the low to the high value, -1 if it must not rise.
    seed
        Seed of the sample.
    """
    companies = np.sort(np.random.default_rng(seed).permutation(len(X))[:MOVED])
    shares = {}
    for column, (low, high) in moves.items():
        risks = []
        for value in (low, high):
            moved = X[companies]
            moved[:, column] = value
            risks.append(score(moved, companies))
        shares[column] = float(np.mean(rises[column] * (risks[1] - risks[0]) < -ROUNDING))
    return shares
