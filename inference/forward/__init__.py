"""One numpy forward pass per model family; a new family is a module and a line in `FAMILIES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from inference.errors import ArtifactError
from inference.forward.calibration import Sigmoid
from inference.forward.linear import Linear
from inference.forward.mlp import Mlp
from inference.forward.preprocess import QuantileNormal, Standardize
from inference.forward.stage import Floats, Parameters, Stage

FAMILIES: dict[str, Callable[[Parameters, int], Stage]] = {
    "linear": Linear.build,
    "mlp": Mlp.build,
    "quantile_normal": QuantileNormal.build,
    "sigmoid": Sigmoid.build,
    "standardize": Standardize.build,
}


def chain(
    specs: Sequence[Mapping[str, Any]], arrays: Mapping[str, npt.NDArray[Any]], width: int
) -> list[Stage]:
    """Build the stages of a model, each taking the columns that the one before gives.

    Parameters
    ----------
    specs
        The stages' descriptions; `kind` is a key of `FAMILIES`.
    arrays
        All arrays of the model.
    width
        The number of columns that the first stage takes.

    Raises
    ------
    ArtifactError
        If a stage is of an unknown kind, or its parameters are missing or of the wrong shape.
    """
    stages: list[Stage] = []
    for spec in specs:
        kind = spec.get("kind")
        if kind not in FAMILIES:
            raise ArtifactError(
                f"The model has a stage of the kind {kind!r}; this code knows {', '.join(sorted(FAMILIES))}. "
                "Serve the model with the code that travels with it."
            )
        stage = FAMILIES[kind](Parameters(spec, arrays), width)
        stages.append(stage)
        width = stage.width
    return stages


def run(stages: Sequence[Stage], X: Floats) -> Floats:
    """Return the values of the last stage for the rows of `X`."""
    for stage in stages:
        X = stage(X)
    return X
