"""The blend: the mean of the logits of several classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from steps.estimators.logit_classifier import Floats, LogitClassifier


class Blend(LogitClassifier):
    """Averages the logits of its members.

    Parameters
    ----------
    members
        Names and unfitted classifiers or pipelines with a `decision_function`.
    """

    def __init__(self, members: Sequence[tuple[str, Any]]) -> None:
        self.members = members

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit each member on all companies."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.members_ = [clone(member).fit(X, y) for _, member in self.members]
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the mean logit, shape (rows,)."""
        mean: Floats = np.mean([member.decision_function(X) for member in self.members_], axis=0)
        return mean
