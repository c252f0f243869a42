"""Exported pipelines return scikit-learn's probabilities, and unsupported ones are rejected."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

from inference.artifact import load
from inference.contract import contract_hash
from steps.estimators.directed_logistic import DirectedLogistic
from steps.export.files import write_model
from steps.export.served import export_pipeline

NAMES = [f"ratio {number}" for number in range(6)]
CONTRACT = {
    "contract": contract_hash(NAMES),
    "features": [{"name": name, "min": 0.0, "max": 1e10} for name in NAMES],
    "threshold": 0.12,
    "risk_levels": [{"level": "low", "from": 0.0}, {"level": "high", "from": 0.5}],
}
AS_IT_IS = SimpleNamespace(slope=1.0, intercept=0.0)


def training_data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    X = rng.random((600, 6))
    X[:, 1] = np.where(rng.random(600) < 0.4, rng.uniform(1, 1e10, 600), X[:, 1])
    X[:, 2] = np.where(X[:, 2] < 0.5, 0.0, X[:, 2])
    y = (X[:, 0] + X[:, 3] + 0.2 * rng.normal(size=600) > 1.2).astype(int)
    return X, y


def fitted(pipeline: Pipeline) -> Pipeline:
    X, y = training_data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(X, y)


def quantiles() -> QuantileTransformer:
    return QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=0)


PIPELINES = {
    "logistic": lambda: make_pipeline(DirectedLogistic()),
    "scaled logistic": lambda: make_pipeline(StandardScaler(with_mean=False), DirectedLogistic()),
    "quantile logistic": lambda: make_pipeline(quantiles(), DirectedLogistic()),
    "baseline": lambda: make_pipeline(StandardScaler(), MLPClassifier((100, 50), max_iter=5, random_state=0)),
    "quantile mlp": lambda: make_pipeline(
        quantiles(),
        StandardScaler(),
        MLPClassifier((64, 32), activation="tanh", max_iter=5, random_state=0),
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_served_probabilities_equal_those_of_scikit_learn(name: str, tmp_path: Path) -> None:
    # GIVEN a fitted pipeline, exported with a calibration that changes nothing
    pipeline = fitted(PIPELINES[name]())
    write_model(tmp_path, export_pipeline(pipeline, AS_IT_IS), CONTRACT, pipeline)
    # WHEN companies far outside the training range are scored
    values = [0.0, 1.0, 1e10, -1e10, -1.0, 5e-324, 1e-310, -1e-310, 0.3, 1e100, -1e100]
    hostile = np.random.default_rng(6).choice(values, (3000, 6))
    X = np.vstack([training_data()[0], hostile])
    served = load(tmp_path).predict_proba(X)
    # THEN the probabilities are equal, for one row and for many
    with np.errstate(all="ignore"):
        expected = pipeline.predict_proba(X)[:, 1]
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-9)
    alone = load(tmp_path).predict_proba(X[:1])
    np.testing.assert_allclose(alone, served[:1], rtol=0, atol=1e-12)


def test_calibration_applies_to_the_logit(tmp_path: Path) -> None:
    pipeline = fitted(make_pipeline(StandardScaler(), DirectedLogistic()))
    calibration = SimpleNamespace(slope=0.7, intercept=-1.5)
    write_model(tmp_path, export_pipeline(pipeline, calibration), CONTRACT, None)
    X, _ = training_data()
    expected = 1 / (1 + np.exp(-(0.7 * pipeline.decision_function(X) - 1.5)))
    np.testing.assert_allclose(load(tmp_path).predict_proba(X), expected, rtol=0, atol=1e-12)


def other_classes() -> Pipeline:
    X, y = training_data()
    return make_pipeline(DirectedLogistic()).fit(X, np.where(y == 1, "bankrupt", "alive"))


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (
            lambda: fitted(make_pipeline(MinMaxScaler(), DirectedLogistic())),
            "'minmaxscaler' is a MinMaxScaler, .* QuantileTransformer, StandardScaler, UnitRepair, "
            "then one of Blend, BoostingBag, DirectedLogistic, DirectedNetworks, Forest, MLPClassifier",
        ),
        (lambda: fitted(make_pipeline(RandomForestClassifier(2))), "is a RandomForestClassifier"),
        (
            lambda: fitted(make_pipeline(StandardScaler())),
            "is a StandardScaler, which cannot be served in this position",
        ),
        (
            lambda: fitted(
                make_pipeline(QuantileTransformer(n_quantiles=10, random_state=0), DirectedLogistic())
            ),
            "output_distribution='uniform' cannot be served; only \"normal\" is supported",
        ),
        (
            lambda: fitted(make_pipeline(MLPClassifier((2,), activation="logistic", max_iter=2))),
            "activation 'logistic' cannot be served; it must be 'relu' or 'tanh'",
        ),
        (other_classes, r"the classes must be \[0, 1\]"),
    ],
)
def test_unsupported_pipelines_are_rejected(pipeline: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        export_pipeline(pipeline(), AS_IT_IS)


def test_an_unfitted_pipeline_is_rejected() -> None:
    with pytest.raises(NotFittedError):
        export_pipeline(make_pipeline(StandardScaler(), DirectedLogistic()), AS_IT_IS)
