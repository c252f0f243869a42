"""A forest of extremely randomized trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from steps.estimators.logit_classifier import Floats, LogitClassifier
from steps.estimators.samples import LARGEST_SAMPLE_OF_A_TREE

# If all trees return 0, the probability is 0 and its logit would be infinite.
SMALLEST_PROBABILITY = 1e-6
# Leaves of a tree. More leaves or trees hardly improve the blend, and make the served model much larger.
LEAVES = 128


class Forest(LogitClassifier):
    """Returns the logit of the mean probability of extra trees.

    Parameters
    ----------
    trees
        The number of trees.
    seed
        Seed of the columns and thresholds that each split can use.
    directions
        For each column 1 if a larger value can only raise the logit, -1 if it can only lower it, otherwise 0.
        None if no column has a direction.
    """

    def __init__(self, trees: int = 75, seed: int = 0, directions: Sequence[int] | None = None) -> None:
        self.trees = trees
        self.seed = seed
        self.directions = directions

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit the trees on all companies, or each on its own sample if there are many."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        # Chosen by repeated cross-validation.
        self.forest_ = ExtraTreesClassifier(
            self.trees,
            criterion="entropy",
            max_leaf_nodes=LEAVES,
            min_samples_leaf=5,
            max_features=0.7,
            monotonic_cst=self.directions,
            random_state=self.seed,
        )
        if len(y) > LARGEST_SAMPLE_OF_A_TREE:
            self.forest_.set_params(bootstrap=True, max_samples=LARGEST_SAMPLE_OF_A_TREE)
        self.forest_.fit(X, y)
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the logit of the mean probability, shape (rows,)."""
        p = self.forest_.predict_proba(X)[:, 1]
        p = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        logit: Floats = np.log(p / (1 - p))
        return logit
