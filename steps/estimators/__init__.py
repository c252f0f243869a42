"""The estimators that TrainRecommended can fit, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sklearn.pipeline import Pipeline

from steps.estimators.logistic import logistic
from steps.estimators.recipes import blend, boosting, forest, mlp_bag

# From column names and a seed to an unfitted pipeline that takes those columns as the data file has them.
Build = Callable[[Sequence[str], int], Pipeline]

ESTIMATORS: dict[str, Build] = {
    "logistic": logistic,
    "blend": blend,
    "boosting": boosting,
    "mlp-bag": mlp_bag,
    "forest": forest,
}

__all__ = ["ESTIMATORS", "Build"]
