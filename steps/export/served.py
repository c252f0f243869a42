"""Converts a fitted scikit-learn pipeline to the stages that `inference` serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted

from steps.dataset import units
from steps.estimators.blend import Blend
from steps.estimators.boosting import BoostingBag
from steps.estimators.directed_logistic import DirectedLogistic
from steps.estimators.directed_networks import DirectedNetworks
from steps.estimators.forest import SMALLEST_PROBABILITY, Forest
from steps.estimators.inputs import Clip
from steps.estimators.ratios import LARGEST, DerivedRatios
from steps.estimators.unit_repair import UnitRepair
from steps.export import trees

Arrays = dict[str, npt.NDArray[Any]]


class LogitCalibration(Protocol):
    """A sigmoid calibration: the probability is ``1 / (1 + exp(-(slope * logit + intercept)))``."""

    @property
    def slope(self) -> float:
        """The factor of the logit."""
        ...

    @property
    def intercept(self) -> float:
        """The summand."""
        ...


@dataclass(frozen=True)
class ServedModel:
    """The contents of model.npz and model.json.

    Attributes
    ----------
    arrays
        The contents of model.npz.
    spec
        Part of model.json: the list `stages`. Each stage has a `kind` and its settings; if it has arrays,
        `arrays` is the prefix of their names.
    """

    arrays: Arrays
    spec: dict[str, Any]


def export_pipeline(pipeline: Pipeline, calibration: LogitCalibration) -> ServedModel:
    """Return a fitted pipeline and its calibration as a served model.

    Parameters
    ----------
    pipeline
        Any number of `TRANSFORMERS` (a `QuantileTransformer` needs output_distribution="normal"), then one of
        `CLASSIFIERS`, or a `Blend` of such classifiers or pipelines, fitted on the classes 0 and 1.
    calibration
        Applied to the classifier's logit. With slope 1 and intercept 0, the served probabilities equal
        `pipeline.predict_proba`.

    Raises
    ------
    TypeError
        If a step is not supported.
    sklearn.exceptions.NotFittedError
        If a step is not fitted.
    """
    stages, arrays = pipeline_stages(pipeline)
    stages.append(
        {"kind": "sigmoid", "slope": float(calibration.slope), "intercept": float(calibration.intercept)}
    )
    return ServedModel(arrays, {"stages": stages})


def pipeline_stages(pipeline: Pipeline) -> tuple[list[dict[str, Any]], Arrays]:
    """Return a fitted pipeline's stages and arrays, which compute its log-odds before calibration."""
    return _stages(pipeline.steps, "")


def _stages(steps: Sequence[tuple[str, Any]], prefix: str) -> tuple[list[dict[str, Any]], Arrays]:
    """Return the stages and arrays of a pipeline's steps; `prefix` makes the names of arrays unique."""
    stages: list[dict[str, Any]] = []
    arrays: Arrays = {}
    for position, (name, estimator) in enumerate(steps):
        is_last = position == len(steps) - 1
        own = f"{prefix}{position}"
        if is_last and isinstance(estimator, Blend):
            check_is_fitted(estimator)
            members = [
                _stages(_steps(member), f"{own}.{number}.")
                for number, member in enumerate(estimator.members_)
            ]
            stages.append({"kind": "blend", "members": [member_stages for member_stages, _ in members]})
            for _, member_arrays in members:
                arrays.update(member_arrays)
            continue
        exporter = (CLASSIFIERS if is_last else TRANSFORMERS).get(type(estimator))
        if exporter is None:
            raise TypeError(_unsupported(name, estimator))
        check_is_fitted(estimator)
        spec, own_arrays = exporter(estimator)
        arrays.update({f"{own}.{key}": array for key, array in own_arrays.items()})
        stages.append({**spec, "arrays": own})
    return stages, arrays


def _steps(member: Any) -> Sequence[tuple[str, Any]]:
    """Return the pipeline steps of a blend's member."""
    if isinstance(member, Pipeline):
        steps: Sequence[tuple[str, Any]] = member.steps
        return steps
    return [(type(member).__name__, member)]


def _unsupported(name: str, estimator: object) -> str:
    transformers = ", ".join(sorted(kind.__name__ for kind in TRANSFORMERS))
    classifiers = ", ".join(sorted(kind.__name__ for kind in (*CLASSIFIERS, Blend)))
    return (
        f"The step {name!r} is a {type(estimator).__name__}, which cannot be served in this position. "
        f"Supported are any number of {transformers}, then one of {classifiers}. To serve another class, add "
        "it to steps/export/served.py and its forward pass to inference/forward/."
    )


def _standardize(scaler: StandardScaler) -> tuple[dict[str, Any], Arrays]:
    count = scaler.n_features_in_
    mean = scaler.mean_ if scaler.with_mean else np.zeros(count)
    scale = scaler.scale_ if scaler.with_std else np.ones(count)
    return {"kind": "standardize"}, {"mean": mean, "scale": scale}


def _quantile_normal(transformer: QuantileTransformer) -> tuple[dict[str, Any], Arrays]:
    if transformer.output_distribution != "normal":
        raise TypeError(
            f"A QuantileTransformer with output_distribution={transformer.output_distribution!r} cannot be "
            'served; only "normal" is supported.'
        )
    # Rounding errors can make the percentiles of tied values decrease, but served quantiles must not
    # decrease.
    quantiles = np.maximum.accumulate(transformer.quantiles_, axis=0)
    return {"kind": "quantile_normal"}, {"quantiles": quantiles, "references": transformer.references_}


def _require_binary(classifier: Any) -> None:
    if list(classifier.classes_) != [0, 1]:
        raise TypeError(
            f"A {type(classifier).__name__} with the classes {list(classifier.classes_)} cannot be served; "
            "the classes must be [0, 1], where 1 means bankrupt."
        )


def _linear(classifier: DirectedLogistic) -> tuple[dict[str, Any], Arrays]:
    _require_binary(classifier)
    arrays = {
        "coefficients": classifier.coefficients_[:, None],
        "intercept": np.array([classifier.intercept_]),
    }
    return {"kind": "linear"}, arrays


def _mlp(classifier: MLPClassifier) -> tuple[dict[str, Any], Arrays]:
    """Return a network's layers. The first axis counts networks; its length is 1."""
    _require_binary(classifier)
    if classifier.activation not in ("relu", "tanh"):
        raise TypeError(
            f"An MLPClassifier with the activation {classifier.activation!r} cannot be served; "
            "it must be 'relu' or 'tanh'."
        )
    arrays: Arrays = {}
    layers = zip(classifier.coefs_, classifier.intercepts_, strict=True)
    for layer, (weights, biases) in enumerate(layers):
        arrays[f"weights.{layer}"] = weights[None]
        arrays[f"biases.{layer}"] = biases[None, None]
    return {"kind": "mlp", "activation": classifier.activation, "layers": len(classifier.coefs_)}, arrays


def _networks(classifier: DirectedNetworks) -> tuple[dict[str, Any], Arrays]:
    """Return the layers of all networks. The first axis counts networks."""
    _require_binary(classifier)
    inputs, biases, outputs, intercept = map(np.stack, zip(*classifier.networks_, strict=True))
    arrays = {
        "weights.0": inputs,
        "biases.0": biases[:, None],
        "weights.1": outputs[:, :, None],
        "biases.1": intercept[:, None],
    }
    return {"kind": "mlp", "activation": "tanh", "layers": 2}, arrays


def _units(transformer: UnitRepair) -> tuple[dict[str, Any], Arrays]:
    spec = {
        "kind": "units",
        "columns": transformer.columns,
        "limit": units.LARGEST_SMALL,
        "large_factor": units.LARGE_FACTOR,
        "small_factor": units.SMALL_FACTOR,
    }
    return spec, {}


def _ratios(transformer: DerivedRatios) -> tuple[dict[str, Any], Arrays]:
    position = {name: index for index, name in enumerate(transformer.names)}
    spec: dict[str, Any] = {"kind": "ratios", "limit": LARGEST}
    for operation in ("difference", "quotient", "product"):
        group = [ratio for ratio in transformer.ratios if ratio.operation == operation]
        spec[f"{operation}_left"] = [position[ratio.left] for ratio in group]
        spec[f"{operation}_right"] = [position[ratio.right] for ratio in group]
        if operation == "quotient":
            spec["quotient_offsets"] = [ratio.offset for ratio in group]
    return spec, {}


def _clip(transformer: Clip) -> tuple[dict[str, Any], Arrays]:
    return {"kind": "clip", "limit": transformer.limit}, {}


def _boosting(classifier: BoostingBag) -> tuple[dict[str, Any], Arrays]:
    _require_binary(classifier)
    arrays, intercept = trees.boosted_trees(classifier.members_)
    return {"kind": "boosted_trees", "intercept": intercept}, arrays


def _forest(classifier: Forest) -> tuple[dict[str, Any], Arrays]:
    _require_binary(classifier)
    spec = {"kind": "forest", "trees": classifier.trees, "smallest": SMALLEST_PROBABILITY}
    return spec, trees.forest(classifier.forest_)


Exporter = Callable[[Any], tuple[dict[str, Any], Arrays]]

TRANSFORMERS: dict[type, Exporter] = {
    Clip: _clip,
    DerivedRatios: _ratios,
    UnitRepair: _units,
    QuantileTransformer: _quantile_normal,
    StandardScaler: _standardize,
}
CLASSIFIERS: dict[type, Exporter] = {
    BoostingBag: _boosting,
    DirectedLogistic: _linear,
    DirectedNetworks: _networks,
    Forest: _forest,
    MLPClassifier: _mlp,
}
