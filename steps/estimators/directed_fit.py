"""Minimizes a log loss over coefficients that can be constrained to one sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from steps.estimators.logit_classifier import Floats

# Takes all coefficients and returns the loss and its gradient.
Loss = Callable[[Floats], tuple[float, Floats]]

_LIMITS: dict[int, tuple[float | None, float | None]] = {0: (None, None), 1: (0.0, None), -1: (None, 0.0)}


def signed_labels(y: NDArray[np.integer], classes: NDArray[np.integer]) -> Floats:
    """Return 1 for each company of the second class and -1 for the others, shape (n,)."""
    return np.where(y == classes[1], 1.0, -1.0)


def base_logit(labels: Floats) -> float:
    """Return the log-odds of the second class, from which a fit starts."""
    return float(np.log(np.mean(labels > 0) / np.mean(labels < 0)))


def log_loss(labels: Floats, logit: Floats) -> tuple[float, Floats]:
    """Return the mean log loss and its derivative with respect to each logit, shape (n,).

    It is the mean, so that the tolerances of a fit do not depend on the number of companies.
    """
    margin = labels * logit
    derivative: Floats = -labels * np.exp(-np.logaddexp(0.0, margin)) / len(labels)
    return float(np.mean(np.logaddexp(0.0, -margin))), derivative


def directions_of(columns: int, directions: Sequence[int] | None) -> list[int]:
    """Return the directions of the columns; None stands for columns without a direction."""
    return [0] * columns if directions is None else list(directions)


def fit_directed(loss: Loss, start: Floats, directions: Sequence[int], iterations: int) -> Floats:
    """Minimize a loss within sign constraints, and return the coefficients that were reached.

    Parameters
    ----------
    loss
        The function to minimize.
    start : array of shape (coefficients,)
        Where to start; it must meet the constraints.
    directions
        For each coefficient 1 if it must not be negative, -1 if it must not be positive, otherwise 0.
    iterations
        The largest number of iterations; each evaluates `loss` once, rarely more often.

    Returns
    -------
    array of shape (coefficients,)

    Notes
    -----
    Uses the L-BFGS-B algorithm of R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, "A Limited Memory Algorithm for
    Bound Constrained Optimization", SIAM Journal on Scientific Computing 16 (1995), 1190 to 1208.
    """
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-13, "gtol": 1e-7}
    bounds = [_LIMITS[direction] for direction in directions]
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return found
