"""A logistic regression whose coefficients can be constrained to one sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from steps.estimators.directed_fit import base_logit, directions_of, fit_directed, log_loss, signed_labels
from steps.estimators.logit_classifier import Floats, LogitClassifier

# More than any fit needs.
ITERATIONS = 5_000


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
    scikit-learn's LogisticRegression has no constraints.
    """

    def __init__(self, strength: float = 0.1, directions: Sequence[int] | None = None) -> None:
        self.strength = strength
        self.directions = directions

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit the coefficients to all companies."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        labels = signed_labels(y, self.classes_)
        penalty = 1 / (self.strength * len(y))

        def loss(weights: Floats) -> tuple[float, Floats]:
            value, derivative = log_loss(labels, X @ weights[:-1] + weights[-1])
            value += penalty / 2 * float(weights[:-1] @ weights[:-1])
            return value, np.append(X.T @ derivative + penalty * weights[:-1], derivative.sum())

        start = np.append(np.zeros(X.shape[1]), base_logit(labels))
        directions = [*directions_of(X.shape[1], self.directions), 0]
        found = fit_directed(loss, start, directions, ITERATIONS)
        self.coefficients_, self.intercept_ = found[:-1], float(found[-1])
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the logit, shape (rows,)."""
        logit: Floats = X @ self.coefficients_ + self.intercept_
        return logit
