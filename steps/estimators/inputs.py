"""Preprocessing steps of the recommended models: unit repair, derived ratios and normal scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from steps.estimators.ratios import DerivedRatios
from steps.estimators.unit_repair import UnitRepair

Floats = NDArray[np.float64]
Steps = list[tuple[str, Any]]

QUANTILES = 200


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clips every value to ±`limit`, because the tails of normal scores carry little information."""

    def __init__(self, limit: float = 3.0) -> None:
        self.limit = limit

    def fit(self, X: Floats, y: Any = None) -> Self:  # noqa: ARG002 (scikit-learn's signature)
        """Record the number of columns; nothing is learned."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the clipped values, in the shape of `X`."""
        return np.clip(X, -self.limit, self.limit)


def columns_and_ratios(names: Sequence[str]) -> Steps:
    """Return the unfitted steps that turn the columns of the data file into the inputs of trees."""
    return [("units", UnitRepair(names)), ("ratios", DerivedRatios(names))]


def normal_scores(seed: int) -> Steps:
    """Return the unfitted steps to normal scores, the inputs of linear models and networks.

    The seed only matters for very large data sets, whose quantiles are computed from a sample.
    """
    quantiles = QuantileTransformer(n_quantiles=QUANTILES, output_distribution="normal", random_state=seed)
    return [("quantiles", quantiles), ("scale", StandardScaler()), ("clip", Clip())]
