"""Bootstrap confidence intervals of a model's metrics, and of the differences between two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steps.measures.metrics import (
    Floats,
    Labels,
    area_under_roc,
    area_under_steps,
    curve,
    log_losses,
    recall_within,
)

RESAMPLES = 2000
LEVEL = 0.95
# Companies drawn at a time. This keeps memory use independent of the size of the data.
DRAWN_AT_ONCE = 1_000_000

Drawn = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Interval:
    """A metric with its bootstrap percentile interval (95 %) and standard deviation."""

    value: float
    low: float
    high: float
    standard_deviation: float

    def as_dict(self) -> dict[str, float]:
        """Return the value and the bounds for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def metric_intervals(y: Labels, probability: Floats, seed: int) -> dict[str, Interval]:
    """Return the metrics of a model's probabilities by name, each with its interval."""
    ranking = _Ranking(y, probability)
    error = (probability - y) ** 2

    def metrics(drawn: Drawn) -> dict[str, Floats]:
        found, wrong = (ranking.counts(companies) for companies in drawn)
        errors = sum(np.sum(error[companies], axis=-1) for companies in drawn)
        return {
            "roc_auc": area_under_roc(found, wrong),
            "pr_auc": area_under_steps(found, wrong),
            "brier": np.asarray(errors / len(y)),
            "recall_at_1_percent_fpr": recall_within(found, wrong, 0.01),
            "recall_at_5_percent_fpr": recall_within(found, wrong, 0.05),
            "recall_at_10_percent_fpr": recall_within(found, wrong, 0.10),
        }

    original = metrics(_all_once(y))
    parts = [metrics(drawn) for drawn in _resamples(y, seed)]
    return {
        name: _interval(float(value[0]), np.concatenate([part[name] for part in parts]))
        for name, value in original.items()
    }


def roc_auc_difference(y: Labels, score: Floats, other: Floats, seed: int) -> Interval:
    """Return the ROC-AUC of `score` minus that of `other`, with the same resamples for both."""
    rankings = _Ranking(y, score), _Ranking(y, other)

    def difference(drawn: Drawn) -> Floats:
        first, second = (
            area_under_roc(*(ranking.counts(companies) for companies in drawn)) for ranking in rankings
        )
        gain: Floats = first - second
        return gain

    value = float(difference(_all_once(y))[0])
    return _interval(value, np.concatenate([difference(drawn) for drawn in _resamples(y, seed)]))


def log_loss_increase(y: Labels, probability: Floats, other: Floats, seed: int) -> Interval:
    """Return the log loss of `probability` divided by that of `other`, minus 1, with the same resamples."""
    losses = log_losses(y, probability), log_losses(y, other)

    def increase(drawn: Drawn) -> Floats:
        one, base = (sum(np.sum(loss[companies], axis=-1) for companies in drawn) for loss in losses)
        return np.asarray(one / base - 1)

    value = float(increase(_all_once(y))[0])
    return _interval(value, np.concatenate([increase(drawn) for drawn in _resamples(y, seed)]))


class _Ranking:
    """Groups companies by score, so that each resample only has to be counted, not sorted.

    A group holds the companies that share a bankrupt company's score, or those between two such scores. The
    order within a group changes no metric, so at most 2 · bankruptcies + 1 groups are needed.
    """

    def __init__(self, y: Labels, score: Floats) -> None:
        thresholds, found, _ = curve(y, score)
        finds = np.diff(found, prepend=0.0) > 0
        starts_group = finds | np.append(True, finds[:-1])
        group = np.cumsum(starts_group) - 1
        self._group = group[np.searchsorted(-thresholds, -score)]
        self._groups = int(group[-1]) + 1

    def counts(self, companies: NDArray[np.int64]) -> Floats:
        """Return how many of the companies are in each group or above, shape (rows, m) to (rows, groups)."""
        rows = len(companies)
        first = self._groups * np.arange(rows)[:, None]
        counted = np.bincount((self._group[companies] + first).ravel(), minlength=rows * self._groups)
        return np.cumsum(counted.reshape(rows, self._groups), axis=-1).astype(np.float64)


def _all_once(y: Labels) -> Drawn:
    return np.flatnonzero(y == 1)[None], np.flatnonzero(y == 0)[None]


def _resamples(y: Labels, seed: int) -> Iterator[Drawn]:
    """Yield bankrupt and other companies drawn with replacement, one resample per row, `RESAMPLES` in all.

    The classes are resampled separately, so their sizes do not change.
    """
    generator = np.random.default_rng(seed)
    bankrupt, other = (companies[0] for companies in _all_once(y))
    if not len(bankrupt) or not len(other):
        raise ValueError("A bootstrap needs companies of both classes.")
    at_once = max(1, DRAWN_AT_ONCE // len(y))
    for start in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - start)
        yield (
            bankrupt[generator.integers(len(bankrupt), size=(rows, len(bankrupt)))],
            other[generator.integers(len(other), size=(rows, len(other)))],
        )


def _interval(value: float, resampled: Floats) -> Interval:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), float(np.std(resampled, ddof=1)))
