"""The estimators that TrainRecommended can fit, by name."""

from __future__ import annotations

from collections.abc import Callable

from sklearn.pipeline import Pipeline

from steps.estimators.logistic import logistic

# From a seed to an unfitted pipeline that takes columns as the data file has them.
Build = Callable[[int], Pipeline]

ESTIMATORS: dict[str, Build] = {
    "logistic": logistic,
}

__all__ = ["ESTIMATORS", "Build"]
