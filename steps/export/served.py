"""From a fitted scikit-learn pipeline to the stages that `inference` serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted

Arrays = dict[str, npt.NDArray[Any]]


class LogitCalibration(Protocol):
    """A sigmoid calibration: the probability is ``1 / (1 + exp(-(slope * logit + intercept)))``."""

    @property
    def slope(self) -> float:
        """What the logit is multiplied with."""
        ...

    @property
    def intercept(self) -> float:
        """What is added to it."""
        ...


@dataclass(frozen=True)
class ServedModel:
    """What is served, in numpy's terms.

    Attributes
    ----------
    arrays
        Goes into model.npz.
    spec
        Goes into model.json: `stages`, each with its `kind`, its settings and, if it has arrays, the
        prefix `arrays` of their names.
    """

    arrays: Arrays
    spec: dict[str, Any]


def export_pipeline(pipeline: Pipeline, calibration: LogitCalibration) -> ServedModel:
    """Return a fitted pipeline and its calibration as a served model.

    Parameters
    ----------
    pipeline
        Any of `StandardScaler` and `QuantileTransformer(output_distribution="normal")`, then a
        `LogisticRegression` or an `MLPClassifier`, fitted on the classes 0 and 1.
    calibration
        Applied to the classifier's logit. With slope 1 and intercept 0 the served probabilities are
        those of `pipeline.predict_proba`.

    Raises
    ------
    TypeError
        If a step is none of these.
    sklearn.exceptions.NotFittedError
        If a step is not fitted.
    """
    arrays: Arrays = {}
    stages: list[dict[str, Any]] = []
    estimators = [estimator for _, estimator in pipeline.steps]
    for position, estimator in enumerate(estimators):
        exporters = CLASSIFIERS if position == len(estimators) - 1 else TRANSFORMERS
        exporter = exporters.get(type(estimator))
        if exporter is None:
            raise TypeError(_unsupported(pipeline.steps[position][0], estimator))
        check_is_fitted(estimator)
        spec, own = exporter(estimator)
        prefix = str(position)
        arrays.update(
            {f"{prefix}.{name}": np.asarray(array, dtype=np.float64) for name, array in own.items()}
        )
        stages.append({**spec, "arrays": prefix})
    stages.append(
        {"kind": "sigmoid", "slope": float(calibration.slope), "intercept": float(calibration.intercept)}
    )
    return ServedModel(arrays, {"stages": stages})


def _unsupported(name: str, estimator: object) -> str:
    transformers = " and ".join(sorted(kind.__name__ for kind in TRANSFORMERS))
    classifiers = " or ".join(sorted(kind.__name__ for kind in CLASSIFIERS))
    return (
        f"The step {name!r} is a {type(estimator).__name__}, which cannot be served at its place: "
        f"supported are any of {transformers}, then one {classifiers}. To serve another, add it to "
        "steps/export/served.py and its forward pass to inference/forward/."
    )


def _standardize(scaler: StandardScaler) -> tuple[dict[str, Any], Arrays]:
    count = scaler.n_features_in_
    mean = scaler.mean_ if scaler.with_mean else np.zeros(count)
    scale = scaler.scale_ if scaler.with_std else np.ones(count)
    return {"kind": "standardize"}, {"mean": mean, "scale": scale}


def _quantile_normal(transformer: QuantileTransformer) -> tuple[dict[str, Any], Arrays]:
    if transformer.output_distribution != "normal":
        raise TypeError(
            f"A QuantileTransformer to the {transformer.output_distribution!r} distribution "
            'cannot be served; supported is output_distribution="normal".'
        )
    # Percentiles of tied values can fall by a rounding error; served quantiles never fall
    quantiles = np.maximum.accumulate(transformer.quantiles_, axis=0)
    return {"kind": "quantile_normal"}, {"quantiles": quantiles, "references": transformer.references_}


def _require_binary(classifier: Any) -> None:
    if list(classifier.classes_) != [0, 1]:
        raise TypeError(
            f"A {type(classifier).__name__} of the classes {list(classifier.classes_)} cannot be served; "
            "supported are the classes [0, 1], of which 1 means bankrupt."
        )


def _linear(classifier: LogisticRegression) -> tuple[dict[str, Any], Arrays]:
    _require_binary(classifier)
    return {"kind": "linear"}, {"coefficients": classifier.coef_.T, "intercept": classifier.intercept_}


def _mlp(classifier: MLPClassifier) -> tuple[dict[str, Any], Arrays]:
    _require_binary(classifier)
    if classifier.activation not in ("relu", "tanh"):
        raise TypeError(
            f"An MLPClassifier with activation {classifier.activation!r} cannot be served; "
            "supported are 'relu' and 'tanh'."
        )
    arrays: Arrays = {}
    for layer, (weights, biases) in enumerate(zip(classifier.coefs_, classifier.intercepts_, strict=True)):
        # the leading axis counts the nets of a bag, here one
        arrays[f"weights.{layer}"] = weights[None]
        arrays[f"biases.{layer}"] = biases[None, None]
    return {"kind": "mlp", "activation": classifier.activation, "layers": len(classifier.coefs_)}, arrays


Exporter = Callable[[Any], tuple[dict[str, Any], Arrays]]

TRANSFORMERS: dict[type, Exporter] = {
    QuantileTransformer: _quantile_normal,
    StandardScaler: _standardize,
}
CLASSIFIERS: dict[type, Exporter] = {
    LogisticRegression: _linear,
    MLPClassifier: _mlp,
}
