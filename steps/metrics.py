"""How good probabilities are: ranking, calibration, and how sure a figure from few companies is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

RESAMPLES = 2000
LEVEL = 0.95


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


@dataclass(frozen=True)
class Confusion:
    """Counts of right and wrong predictions at a threshold."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int

    @property
    def recall(self) -> float:
        """Share of the bankrupt that are predicted so."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def precision(self) -> float:
        """Share of those predicted bankrupt that are; NaN where none is predicted."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def false_positive_rate(self) -> float:
        """Share of the not bankrupt that are predicted bankrupt."""
        return _share(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def accuracy(self) -> float:
        """Share of right predictions."""
        right = self.true_positives + self.true_negatives
        return _share(right, right + self.false_positives + self.false_negatives)

    def f_beta(self, beta: float) -> float:
        """Weighted harmonic mean of precision and recall; 0 where nothing is found."""
        weight = beta * beta
        found = (1 + weight) * self.true_positives
        return _share(found, found + weight * self.false_negatives + self.false_positives)


def confusion(y: Labels, probability: Floats, threshold: float) -> Confusion:
    """Count predictions, where a probability of at least the threshold predicts bankruptcy."""
    predicted = probability >= threshold
    return Confusion(
        true_negatives=int(np.sum(~predicted & (y == 0))),
        false_positives=int(np.sum(predicted & (y == 0))),
        false_negatives=int(np.sum(~predicted & (y == 1))),
        true_positives=int(np.sum(predicted & (y == 1))),
    )


def roc_auc(y: Labels, score: Floats) -> float:
    """Area under the ROC curve: how often a bankrupt company scores above another; ties count half."""
    return float(np.mean(_wins(y, score)))


def roc_auc_interval(y: Labels, score: Floats, seed: int) -> Interval:
    """ROC-AUC with its bootstrap interval; both classes are resampled apart, so their counts stay."""
    wins = _wins(y, score)
    return _interval(float(np.mean(wins)), _bootstrap(wins, seed))


def roc_auc_difference(y: Labels, score: Floats, other: Floats, seed: int) -> Interval:
    """ROC-AUC of `score` minus that of `other`, resampling the same companies for both."""
    difference = _wins(y, score) - _wins(y, other)
    return _interval(float(np.mean(difference)), _bootstrap(difference, seed))


def curve(y: Labels, score: Floats) -> tuple[Floats, Floats, Floats]:
    """Count what each threshold finds, from the highest score down.

    Returns
    -------
    thresholds, true_positives, false_positives : arrays, one entry per distinct score
        With "at least the threshold" as the prediction.
    """
    order = np.argsort(-score, kind="stable")
    ranked, labels = score[order], y[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    found = np.cumsum(labels == 1)[last_of_tie].astype(np.float64)
    wrong = np.cumsum(labels == 0)[last_of_tie].astype(np.float64)
    return ranked[last_of_tie], found, wrong


def average_precision(y: Labels, score: Floats) -> float:
    """PR-AUC as average precision: mean precision over recall steps, not interpolated."""
    _, found, wrong = curve(y, score)
    precision = found / (found + wrong)
    return float(np.sum(np.diff(found, prepend=0.0) * precision) / found[-1])


def brier_score(y: Labels, probability: Floats) -> float:
    """Mean squared distance of probability and outcome."""
    return float(np.mean((probability - y) ** 2))


def expected_calibration_error(y: Labels, probability: Floats, bins: int = 10) -> float:
    """Mean distance of predicted and observed rate over bins with equally many companies."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    errors = [len(part) * abs(float(np.mean(probability[part]) - np.mean(y[part]))) for part in parts]
    return float(sum(errors) / len(y))


def recall_at(y: Labels, score: Floats, false_positive_rate: float) -> float:
    """Highest recall of any threshold with at most the given share of false positives."""
    _, found, wrong = curve(y, score)
    # A share such as 0.05 · 1,300 must not fail by a rounding error.
    allowed = wrong <= false_positive_rate * wrong[-1] + 1e-9
    return float(np.max(found[allowed], initial=0.0) / found[-1])


def _wins(y: Labels, score: Floats) -> Floats:
    """For each bankrupt (rows) and other company (columns): 1 if ranked right, ½ if tied, else 0."""
    bankrupt, other = score[y == 1][:, None], score[y == 0][None, :]
    if not bankrupt.size or not other.size:
        raise ValueError("ROC-AUC needs companies of both classes.")
    wins: Floats = (bankrupt > other) + 0.5 * (bankrupt == other)
    return wins


def _bootstrap(pairs: Floats, seed: int) -> Floats:
    """Return the pairs' mean in resamples of rows and of columns, shape (RESAMPLES,)."""
    generator = np.random.default_rng(seed)
    rows, columns = pairs.shape
    row_counts = generator.multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES)
    column_counts = generator.multinomial(columns, np.full(columns, 1 / columns), size=RESAMPLES)
    means: Floats = np.sum((row_counts @ pairs) * column_counts, axis=1) / (rows * columns)
    return means


def _interval(value: float, resampled: Floats) -> Interval:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), float(np.std(resampled, ddof=1)))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
