"""Operating points: the thresholds of `prediction` and `risk_level`, set on out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steps.measures.metrics import Floats, Labels, confusion, curve

MEDIUM_FALSE_POSITIVES = 0.05
HIGH_FALSE_POSITIVES = 0.01


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold with the rates to expect on unseen companies."""

    threshold: float
    false_positive_rate: float
    recall: float
    precision: float


@dataclass(frozen=True)
class OperatingPoints:
    """The thresholds of medium risk (5 % false positives) and high risk (1 %).

    `prediction` is 1 from medium risk up. That is one threshold fewer to explain, and with so few
    bankruptcies in the data a threshold of 0.5 would miss most of them.
    """

    medium: OperatingPoint
    high: OperatingPoint

    @property
    def threshold(self) -> float:
        """The lowest probability for which bankruptcy is predicted."""
        return self.medium.threshold

    def risk_levels(self) -> list[dict[str, object]]:
        """Return the levels for the contract, with the rates to expect when flagging from each level up."""
        return [
            {"level": "low", "from": 0.0},
            {"level": "medium", "from": self.medium.threshold, "expected": _expected(self.medium)},
            {"level": "high", "from": self.high.threshold, "expected": _expected(self.high)},
        ]


def operating_points(y: Labels, probability: Floats) -> OperatingPoints:
    """Choose the operating points.

    Parameters
    ----------
    y : array of shape (n,)
        1 for companies that went bankrupt, otherwise 0.
    probability : array of shape (n,)
        Calibrated out-of-fold probabilities.
    """
    medium = threshold_at(y, probability, MEDIUM_FALSE_POSITIVES)
    high = threshold_at(y, probability, HIGH_FALSE_POSITIVES)
    # With ties both thresholds can be equal, even 1, but levels must rise.
    high = max(high, float(np.nextafter(medium, np.inf)))
    return OperatingPoints(_point(y, probability, medium), _point(y, probability, high))


def threshold_at(y: Labels, probability: Floats, false_positive_rate: float) -> float:
    """Return the lowest threshold with at most the given share of false positives.

    It lies halfway between the two scores that it separates, because at a score itself a rounding error
    would decide. It is between half of the lowest score and 1.
    """
    thresholds, _, wrong = curve(y, probability)
    allowed = int(np.sum(wrong <= false_positive_rate * wrong[-1] + 1e-9))
    upper = thresholds[allowed - 1] if allowed else 1.0
    lower = thresholds[allowed] if allowed < len(thresholds) else 0.0
    return float((upper + lower) / 2)


def _point(y: Labels, probability: Floats, threshold: float) -> OperatingPoint:
    counts = confusion(y, probability, threshold)
    # Precision is undefined if nothing is predicted.
    precision = 0.0 if np.isnan(counts.precision) else counts.precision
    return OperatingPoint(threshold, counts.false_positive_rate, counts.recall, precision)


def _expected(point: OperatingPoint) -> dict[str, float]:
    return {
        "false_positive_rate": point.false_positive_rate,
        "recall": point.recall,
        "precision": point.precision,
    }
