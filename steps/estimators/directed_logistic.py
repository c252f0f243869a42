"""A logistic regression whose coefficients can be constrained to one sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from steps.estimators.logit_classifier import Floats, LogitClassifier


class DirectedLogistic(LogitClassifier):
    """Fits a logistic regression with a ridge penalty and sign constraints.

    Parameters
    ----------
    strength
        The inverse strength of the penalty, like scikit-learn's `C`.
    directions
        For each column 1 if its coefficient must not be negative, -1 if it must not be positive, otherwise 0.
        None if no column has a direction.

    Attributes
    ----------
    coefficients_ : array of shape (columns,)
    intercept_

    Notes
    -----
    scikit-learn's LogisticRegression has no constraints. The minimum is found by the L-BFGS-B algorithm of
    R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, "A Limited Memory Algorithm for Bound Constrained Optimization",
    SIAM Journal on Scientific Computing 16 (1995), 1190 to 1208.
    """

    def __init__(self, strength: float = 0.1, directions: Sequence[int] | None = None) -> None:
        self.strength = strength
        self.directions = directions

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit the coefficients to all companies."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        sign = np.where(y == self.classes_[1], 1.0, -1.0)
        # The mean loss, so that the tolerances do not depend on the number of companies.
        penalty = 1 / (self.strength * len(y))

        def loss(weights: Floats) -> tuple[float, Floats]:
            margin = sign * (X @ weights[:-1] + weights[-1])
            error = -sign * np.exp(-np.logaddexp(0.0, margin)) / len(y)
            value = np.mean(np.logaddexp(0.0, -margin)) + penalty / 2 * weights[:-1] @ weights[:-1]
            return float(value), np.append(X.T @ error + penalty * weights[:-1], error.sum())

        limits = {0: (None, None), 1: (0.0, None), -1: (None, 0.0)}
        bounds = [limits[each] for each in (*(self.directions or [0] * X.shape[1]), 0)]
        start = np.append(np.zeros(X.shape[1]), np.log(np.mean(sign > 0) / np.mean(sign < 0)))
        options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-13, "gtol": 1e-7}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        self.coefficients_, self.intercept_ = found.x[:-1], float(found.x[-1])
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the logit, shape (rows,)."""
        logit: Floats = X @ self.coefficients_ + self.intercept_
        return logit
