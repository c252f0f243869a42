"""A bag of multilayer perceptrons (MLPs) whose logits are averaged."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from steps.estimators.logit_classifier import Floats, LogitClassifier
from steps.estimators.samples import bounded
from steps.measures.logits import network_logit


class MlpBag(LogitClassifier):
    """Averages the logits of tanh networks that differ only in their seed.

    Parameters
    ----------
    nets
        The number of networks.
    epochs
        Training passes over the companies. Few epochs and a strong penalty replace early stopping, which
        would set aside a tenth of the few bankruptcies.
    seed
        Seed of the weights and batches.
    """

    def __init__(self, nets: int = 10, epochs: int = 20, seed: int = 0) -> None:
        self.nets = nets
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit the networks on all companies, or each on its own sample if there are many."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        seeds = np.random.default_rng(self.seed).integers(2**31, size=self.nets).tolist()
        with warnings.catch_warnings():
            # The number of epochs is fixed, so the networks do not need to converge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.members_ = [self._fit_network(seed, X, y) for seed in seeds]
        return self

    def _fit_network(self, seed: int, X: Floats, y: NDArray[np.integer]) -> MLPClassifier:
        sample = bounded(y, seed)
        return self._network(seed, len(sample)).fit(X[sample], y[sample])

    def _network(self, seed: int, rows: int) -> MLPClassifier:
        # Chosen by repeated cross-validation; larger or more networks do not rank better.
        return MLPClassifier(
            hidden_layer_sizes=(32, 16),
            activation="tanh",
            alpha=1.0,
            learning_rate_init=2e-3,
            batch_size=min(256, rows),
            max_iter=self.epochs,
            random_state=seed,
        )

    def decision_function(self, X: Floats) -> Floats:
        """Return the mean logit, shape (rows,)."""
        mean: Floats = np.mean([network_logit(member, X) for member in self.members_], axis=0)
        return mean
