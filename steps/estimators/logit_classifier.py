"""Base class of classifiers that compute a logit."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

Floats = NDArray[np.float64]


class LogitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of 0 and 1 that is defined by its logit, so that several classifiers can be averaged."""

    classes_: NDArray[np.integer]

    @abstractmethod
    def decision_function(self, X: Floats) -> Floats:
        """Return the log-odds of class 1, shape (rows,)."""

    def predict_proba(self, X: Floats) -> Floats:
        """Return the probabilities of class 0 and 1, shape (rows, 2)."""
        logit = self.decision_function(X)
        return np.exp(-np.logaddexp(0.0, np.column_stack([logit, -logit])))

    def predict(self, X: Floats) -> NDArray[np.integer]:
        """Return the more likely class, shape (rows,)."""
        return self.classes_[(self.decision_function(X) > 0).astype(np.intp)]
