"""Bagged gradient boosting: a few boosted ensembles, each fitted on its own sample of companies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from steps.estimators.logit_classifier import Floats, LogitClassifier
from steps.estimators.samples import stratified


class BoostingBag(LogitClassifier):
    """Averages the logits of boosted ensembles of small trees.

    Parameters
    ----------
    bags
        The number of ensembles.
    trees
        The number of trees of each ensemble.
    share
        The share of each class's companies in a sample; smaller if that is over `LARGEST_SAMPLE` companies.
    seed
        Seed of the samples, and of the columns that each split can use.
    directions
        For each column 1 if a larger value can only raise the logit, -1 if it can only lower it, otherwise 0.
        None if no column has a direction.
    """

    def __init__(
        self,
        bags: int = 4,
        trees: int = 60,
        share: float = 0.8,
        seed: int = 0,
        directions: Sequence[int] | None = None,
    ) -> None:
        self.bags = bags
        self.trees = trees
        self.share = share
        self.seed = seed
        self.directions = directions

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit each ensemble on its sample."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.members_ = []
        for bag in range(self.bags):
            random = np.random.default_rng([self.seed, bag])
            sample = stratified(y, self.share, random)
            # Chosen by cross-validation: more trees with a smaller learning rate, or more bins, are slower
            # but not better. Serving needs eight leaves: one bit of a byte for each.
            member = HistGradientBoostingClassifier(
                learning_rate=0.15,
                max_iter=self.trees,
                max_bins=64,
                max_leaf_nodes=8,
                min_samples_leaf=30,
                l2_regularization=5,
                max_features=0.5,
                monotonic_cst=self.directions,
                early_stopping=False,
                random_state=int(random.integers(2**31)),
            )
            self.members_.append(member.fit(X[sample], y[sample]))
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the mean logit, shape (rows,)."""
        mean: Floats = np.mean([member.decision_function(X) for member in self.members_], axis=0)
        return mean
