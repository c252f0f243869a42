"""Calibration: turns a model's logits into probabilities that match observed rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A logit of 30 is a probability of 1 - 1e-13. Ratios in other units than the training data can drive a
# network's logits to 1e12, and without a limit one such company would dominate the fit.
LARGEST_LOGIT = 30.0


@dataclass(frozen=True)
class Calibration:
    """Maps logits to probabilities: sigmoid(slope · logit + intercept). A positive slope keeps the order."""

    slope: float
    intercept: float

    def apply(self, logit: Floats) -> Floats:
        """Return calibrated probabilities, in the shape of `logit`."""
        z = self.slope * np.asarray(logit, dtype=np.float64) + self.intercept
        # exp(-|z|) cannot overflow.
        e = np.exp(-np.abs(z))
        return np.where(z >= 0, 1.0, e) / (1.0 + e)


def fit_calibration(logit: Floats, y: NDArray[np.integer]) -> Calibration:
    """Fit a sigmoid to the out-of-fold logits of real companies.

    Parameters
    ----------
    logit : array of shape (n,)
        Out-of-fold logits: each comes from a model that was fitted without the company.
    y : array of shape (n,)
        1 for companies that went bankrupt, otherwise 0.

    Notes
    -----
    Platt (1999), "Probabilistic outputs for support vector machines": maximum likelihood with
    targets (n₁ + 1) / (n₁ + 2) and 1 / (n₀ + 2), which keep the slope finite when the classes are
    separable. It is solved by Newton's method on standardized logits.

    Logits that rank no better than chance give slope 0, so every company gets the base rate.
    """
    positives = int(np.sum(y == 1))
    negatives = len(y) - positives
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    logit = np.clip(logit, -LARGEST_LOGIT, LARGEST_LOGIT)
    base_rate = Calibration(slope=0.0, intercept=float(np.log(positives / negatives)))
    if np.ptp(logit) == 0:
        return base_rate
    centre, scale = float(np.mean(logit)), float(np.std(logit))
    design = np.column_stack([(logit - centre) / scale, np.ones(len(logit))])
    weights = np.array([0.0, np.log((positives + 1) / (negatives + 1))])

    def loss(w: Floats) -> float:
        z = design @ w
        return float(np.sum(np.logaddexp(0, z) - target * z))

    for _ in range(100):
        p = Calibration(1.0, 0.0).apply(design @ weights)
        gradient = design.T @ (p - target)
        if np.max(np.abs(gradient)) < 1e-9 * len(logit):
            break
        hessian = design.T @ (design * (p * (1 - p) + 1e-12)[:, None])
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        # Newton's method can overshoot far from the optimum, so halve the step until the loss falls.
        while size > 1e-6 and loss(weights - size * step) > loss(weights):
            size /= 2
        weights = weights - size * step
    slope = float(weights[0]) / scale
    if slope <= 0:
        return base_rate
    return Calibration(slope=slope, intercept=float(weights[1]) - slope * centre)
