"""How sure a figure from few companies is: bootstrap intervals, and paired ones for two models."""

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
# Up to this many companies are drawn at a time, so that memory does not grow with the data.
DRAWN_AT_ONCE = 1_000_000

Drawn = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap percentile interval (95 %) and standard deviation."""

    value: float
    low: float
    high: float
    standard_deviation: float

    def as_dict(self) -> dict[str, float]:
        """Return value and bounds as they stand in JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def figure_intervals(y: Labels, probability: Floats, seed: int) -> dict[str, Interval]:
    """Return the figures of a model's probabilities by name, each with its interval."""
    ranking = _Ranking(y, probability)
    error = (probability - y) ** 2

    def figures(drawn: Drawn) -> dict[str, Floats]:
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

    as_they_are = figures(_all_once(y))
    parts = [figures(drawn) for drawn in _resamples(y, seed)]
    return {
        name: _interval(float(value[0]), np.concatenate([part[name] for part in parts]))
        for name, value in as_they_are.items()
    }


def roc_auc_difference(y: Labels, score: Floats, other: Floats, seed: int) -> Interval:
    """ROC-AUC of `score` minus that of `other`, resampling the same companies for both."""
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
    """Log loss of `probability` relative to that of `other`, minus 1, on the same companies for both."""
    losses = log_losses(y, probability), log_losses(y, other)

    def increase(drawn: Drawn) -> Floats:
        one, base = (sum(np.sum(loss[companies], axis=-1) for companies in drawn) for loss in losses)
        return np.asarray(one / base - 1)

    value = float(increase(_all_once(y))[0])
    return _interval(value, np.concatenate([increase(drawn) for drawn in _resamples(y, seed)]))


class _Ranking:
    """Where companies stand by a score: in places that hold bankrupt ones, and in those between.

    Between two scores of bankrupt companies the order of the others changes no figure, so that there
    are at most twice as many places as bankruptcies, and one more.
    """

    def __init__(self, y: Labels, score: Floats) -> None:
        thresholds, found, _ = curve(y, score)
        finds = np.diff(found, prepend=0.0) > 0
        starts_place = finds | np.append(True, finds[:-1])
        place = np.cumsum(starts_place) - 1
        self._place = place[np.searchsorted(-thresholds, -score)]
        self._places = int(place[-1]) + 1

    def counts(self, companies: NDArray[np.int64]) -> Floats:
        """Return how many of the companies stand in each place or above, shape (..., m) to (..., places)."""
        rows = len(companies)
        first = self._places * np.arange(rows)[:, None]
        counted = np.bincount((self._place[companies] + first).ravel(), minlength=rows * self._places)
        return np.cumsum(counted.reshape(rows, self._places), axis=-1).astype(np.float64)


def _all_once(y: Labels) -> Drawn:
    return np.flatnonzero(y == 1)[None], np.flatnonzero(y == 0)[None]


def _resamples(y: Labels, seed: int) -> Iterator[Drawn]:
    """Yield bankrupt and other companies drawn with replacement, a resample per row, `RESAMPLES` in all.

    Both classes are resampled apart, so that their counts stay as they are.
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
