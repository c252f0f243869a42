"""Bootstrap confidence intervals of a model's metrics, and of the differences between two models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
# Companies counted at a time. This keeps memory use independent of the size of the data.
COUNTED_AT_ONCE = 1_000_000

# The number of each company's firm.
Firms = NDArray[np.integer]


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


def metric_intervals(y: Labels, probability: Floats, firm: Firms, seed: int) -> dict[str, Interval]:
    """Return the metrics of a model's probabilities by name, each with its interval.

    Parameters
    ----------
    y, probability : arrays of shape (n,)
        The labels of companies that the model has not seen, and their probabilities.
    firm : array of shape (n,)
        The firm of each company. Firms are resampled as a whole, because the rows of one firm are correlated.
    seed
        Seed of the resamples.
    """
    ranking = _Ranking(y, probability)
    error = (probability - y) ** 2

    def metrics(weights: Floats) -> dict[str, Floats]:
        found, wrong = ranking.counts(weights)
        return {
            "roc_auc": area_under_roc(found, wrong),
            "pr_auc": area_under_steps(found, wrong),
            "brier": np.sum(weights * error, axis=-1) / np.sum(weights, axis=-1),
            "recall_at_1_percent_fpr": recall_within(found, wrong, 0.01),
            "recall_at_5_percent_fpr": recall_within(found, wrong, 0.05),
            "recall_at_10_percent_fpr": recall_within(found, wrong, 0.10),
        }

    original = metrics(_all_once(y))
    parts = [metrics(weights) for weights in _resamples(y, firm, seed)]
    return {
        name: _interval(float(value[0]), np.concatenate([part[name] for part in parts]))
        for name, value in original.items()
    }


def roc_auc_difference(y: Labels, score: Floats, other: Floats, firm: Firms, seed: int) -> Interval:
    """Return the ROC-AUC of `score` minus that of `other`, with the same resamples of firms for both."""
    rankings = _Ranking(y, score), _Ranking(y, other)

    def difference(weights: Floats) -> Floats:
        first, second = (area_under_roc(*ranking.counts(weights)) for ranking in rankings)
        gain: Floats = first - second
        return gain

    return _bootstrapped(difference, y, firm, seed)


def log_loss_increase(y: Labels, probability: Floats, other: Floats, firm: Firms, seed: int) -> Interval:
    """Return the log loss of `probability` divided by that of `other`, minus 1, with the same resamples."""
    losses = log_losses(y, probability), log_losses(y, other)

    def increase(weights: Floats) -> Floats:
        one, base = (np.sum(weights * loss, axis=-1) for loss in losses)
        return np.asarray(one / base - 1)

    return _bootstrapped(increase, y, firm, seed)


class _Ranking:
    """Groups companies by score, so that each resample only has to be counted, not sorted.

    A group holds the companies that share a bankrupt company's score, or those between two such scores. The
    order within a group changes no metric, so at most 2 · bankruptcies + 1 groups are needed.
    """

    def __init__(self, y: Labels, score: Floats) -> None:
        thresholds, found, _ = curve(y, score)
        finds = np.diff(found, prepend=0.0) > 0
        starts_group = finds | np.append(True, finds[:-1])
        group = (np.cumsum(starts_group) - 1)[np.searchsorted(-thresholds, -score)]
        self._order = np.argsort(group, kind="stable")
        self._last = np.flatnonzero(np.diff(group[self._order], append=-1))
        self._y = y[self._order]

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Count the bankrupt and the other companies in each group or above, (rows, n) to (rows, groups)."""
        weights = weights[:, self._order]
        counted = np.cumsum(weights, axis=-1)[:, self._last]
        found = np.cumsum(weights * self._y, axis=-1)[:, self._last]
        return found, counted - found


def _bootstrapped(figure: Callable[[Floats], Floats], y: Labels, firm: Firms, seed: int) -> Interval:
    resampled = [figure(weights) for weights in _resamples(y, firm, seed)]
    return _interval(float(figure(_all_once(y))[0]), np.concatenate(resampled))


def _all_once(y: Labels) -> Floats:
    if not 0 < np.sum(y == 1) < len(y):
        raise ValueError("A bootstrap needs companies of both classes.")
    return np.ones((1, len(y)))


def _resamples(y: Labels, firm: Firms, seed: int) -> Iterator[Floats]:
    """Yield how often each company is drawn, one resample per row, `RESAMPLES` in all.

    Firms are drawn with replacement: separately those with only bankrupt companies, those with both kinds,
    and those with no bankruptcy. So every resample has both classes.
    """
    generator = np.random.default_rng(seed)
    firms, number = np.unique(firm, return_inverse=True)
    bankrupt, other = (np.bincount(number, y == label) > 0 for label in (1, 0))
    kind = other.astype(np.int8) + ~bankrupt
    at_once = max(1, COUNTED_AT_ONCE // len(y))
    for start in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - start)
        drawn = np.empty((rows, len(firms)))
        for members in (np.flatnonzero(kind == each) for each in np.unique(kind)):
            chosen = generator.integers(len(members), size=(rows, len(members)))
            first = len(members) * np.arange(rows)[:, None]
            counts = np.bincount((chosen + first).ravel(), minlength=rows * len(members))
            drawn[:, members] = counts.reshape(rows, len(members))
        yield drawn[:, number]


def _interval(value: float, resampled: Floats) -> Interval:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), float(np.std(resampled, ddof=1)))
