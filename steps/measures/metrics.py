"""Metrics of predicted probabilities: ranking, calibration and confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

# The noise floor is an average over as many drawn outcomes, within limits. Its random error depends on the
# number of repeats, not of companies: 2 % with the most repeats, and 5 % with the fewest.
_DRAWN_COMPANIES = 20_000_000
_FEWEST_REPEATS, _MOST_REPEATS = 20, 200


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix at a threshold."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int

    @property
    def recall(self) -> float:
        """Share of bankrupt companies that are predicted bankrupt."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def precision(self) -> float:
        """Share of predicted bankruptcies that are right; NaN if none is predicted."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def false_positive_rate(self) -> float:
        """Share of non-bankrupt companies that are predicted bankrupt."""
        return _share(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def accuracy(self) -> float:
        """Share of correct predictions."""
        correct = self.true_positives + self.true_negatives
        return _share(correct, correct + self.false_positives + self.false_negatives)

    def f_beta(self, beta: float) -> float:
        """Weighted harmonic mean of precision and recall; 0 if no bankruptcy is found."""
        weight = beta * beta
        found = (1 + weight) * self.true_positives
        return _share(found, found + weight * self.false_negatives + self.false_positives)


def confusion(y: Labels, probability: Floats, threshold: float) -> Confusion:
    """Return the confusion matrix, with bankruptcy predicted for probabilities of at least the threshold."""
    predicted = probability >= threshold
    return Confusion(
        true_negatives=int(np.sum(~predicted & (y == 0))),
        false_positives=int(np.sum(predicted & (y == 0))),
        false_negatives=int(np.sum(~predicted & (y == 1))),
        true_positives=int(np.sum(predicted & (y == 1))),
    )


def roc_auc(y: Labels, score: Floats) -> float:
    """Return the ROC-AUC: how often a bankrupt company scores above another one; ties count half."""
    _, found, wrong = curve(y, score)
    if not found[-1] or not wrong[-1]:
        raise ValueError("ROC-AUC needs companies of both classes.")
    return float(area_under_roc(found, wrong))


def curve(y: Labels, score: Floats) -> tuple[Floats, Floats, Floats]:
    """Count the true and false positives at each threshold, from the highest score down.

    Returns
    -------
    thresholds, true_positives, false_positives : arrays, one entry per distinct score
        A score of at least the threshold is a positive prediction.
    """
    order = np.argsort(-score, kind="stable")
    ranked, labels = score[order], y[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    found = np.cumsum(labels == 1)[last_of_tie].astype(np.float64)
    wrong = np.cumsum(labels == 0)[last_of_tie].astype(np.float64)
    return ranked[last_of_tie], found, wrong


def average_precision(y: Labels, score: Floats) -> float:
    """Return the PR-AUC as average precision: the mean precision over recall steps, not interpolated."""
    _, found, wrong = curve(y, score)
    return float(area_under_steps(found, wrong))


def recall_at(y: Labels, score: Floats, false_positive_rate: float) -> float:
    """Return the highest recall of any threshold with at most the given share of false positives."""
    _, found, wrong = curve(y, score)
    return float(recall_within(found, wrong, false_positive_rate))


def area_under_roc(found: Floats, wrong: Floats) -> Floats:
    """Return the ROC-AUC of counted thresholds, shape (..., k) to (...)."""
    steps, width = np.diff(found, prepend=0.0), np.diff(wrong, prepend=0.0)
    # A bankrupt company beats all others with a lower score, and half of those with the same score.
    wins = np.sum(steps * (wrong[..., -1:] - wrong + width / 2), axis=-1)
    area: Floats = wins / (found[..., -1] * wrong[..., -1])
    return area


def area_under_steps(found: Floats, wrong: Floats) -> Floats:
    """Return the average precision of counted thresholds, shape (..., k) to (...)."""
    # In a resample the first groups can be empty. Their precision is 0/1, and their weight is 0.
    precision = found / np.maximum(found + wrong, 1.0)
    area: Floats = np.sum(np.diff(found, prepend=0.0) * precision, axis=-1) / found[..., -1]
    return area


def recall_within(found: Floats, wrong: Floats, false_positive_rate: float) -> Floats:
    """Return the recall of counted thresholds at a share of false positives, shape (..., k) to (...)."""
    # The tolerance keeps a share such as 0.05 · 1,300 from failing by a rounding error.
    allowed = wrong <= false_positive_rate * wrong[..., -1:] + 1e-9
    recall: Floats = np.max(np.where(allowed, found, 0.0), axis=-1) / found[..., -1]
    return recall


def brier_score(y: Labels, probability: Floats) -> float:
    """Return the mean squared difference of probability and outcome."""
    return float(np.mean((probability - y) ** 2))


def log_losses(y: Labels, probability: Floats) -> Floats:
    """Return each company's log loss: minus the log of its outcome's probability, shape (n,)."""
    # A probability of exactly 0 or 1 can have an infinite loss.
    inside = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.where(y == 1, -np.log(inside), -np.log1p(-inside))


def expected_calibration_error(y: Labels, probability: Floats, bins: int = 10) -> float:
    """Return the mean gap between predicted and observed rates, over bins of equal size."""
    order = np.argsort(probability, kind="stable")
    return _CalibrationBins(probability[order], bins).error(y[order])


def calibration_noise_floor(probability: Floats, seed: int) -> float:
    """Return the mean calibration error that these probabilities would have if they were exactly right.

    Outcomes are drawn from the probabilities, and the errors are averaged. The mean is not 0, because few
    companies go bankrupt. An error near this value is not evidence of wrong probabilities.
    """
    count = len(probability)
    order = np.argsort(probability, kind="stable")
    bins = _CalibrationBins(probability[order])
    generator = np.random.default_rng(seed)
    repeats = min(max(_DRAWN_COMPANIES // count, _FEWEST_REPEATS), _MOST_REPEATS)
    return float(
        np.mean([bins.error((generator.random(count) < probability)[order]) for _ in range(repeats)])
    )


class _CalibrationBins:
    """Bins of equally many companies, to compare their probabilities with outcomes.

    Companies and outcomes are in the order of the probabilities.
    """

    def __init__(self, probability: Floats, bins: int = 10) -> None:
        self._edges = np.cumsum([0, *map(len, np.array_split(probability, bins))])
        self._predicted = np.diff(np.concatenate([[0.0], np.cumsum(probability)])[self._edges])
        changes = np.flatnonzero(np.diff(probability)) + 1
        self._groups = np.concatenate([[0], changes, [len(probability)]])

    def error(self, y: Labels | NDArray[np.bool_]) -> float:
        """Return the mean gap between the rates of the bins."""
        bankrupt = np.concatenate([[0], np.cumsum(y, dtype=np.int64)])[self._groups]
        # Companies with the same probability all count with their common rate. Otherwise the order of the
        # file would decide which bin they are in, and change the error.
        observed = np.diff(np.interp(self._edges, self._groups, bankrupt))
        return float(np.sum(np.abs(self._predicted - observed)) / self._edges[-1])


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
