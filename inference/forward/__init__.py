"""Numpy forward passes, one for each model family; to add a family, add a module and a line in `FAMILIES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from inference.errors import ArtifactError
from inference.forward.blend import Blend
from inference.forward.calibration import Sigmoid
from inference.forward.linear import Linear
from inference.forward.mlp import Mlp
from inference.forward.preprocess import Clip, QuantileNormal, Standardize
from inference.forward.ratios import Ratios
from inference.forward.stage import Parameters, Stage, run
from inference.forward.trees import BoostedTrees, Forest
from inference.forward.units import Units


def _blend(parameters: Parameters, width: int) -> Blend:
    """Build a blend; its members are chains of stages."""
    members = parameters.spec.get("members")
    if not isinstance(members, list) or not all(
        isinstance(specs, list) and all(isinstance(spec, dict) for spec in specs) for specs in members
    ):
        raise ArtifactError("'members' of the stage 'blend' must be a list of lists of stages.")
    if any(spec.get("kind") == "blend" for specs in members for spec in specs):
        # Deeply nested blends would exhaust the interpreter's stack.
        raise ArtifactError(
            "A member of the stage 'blend' is another blend; nested blends are not supported."
        )
    return Blend([chain(specs, parameters.arrays, width) for specs in members])


FAMILIES: dict[str, Callable[[Parameters, int], Stage]] = {
    "blend": _blend,
    "boosted_trees": BoostedTrees.build,
    "clip": Clip.build,
    "forest": Forest.build,
    "linear": Linear.build,
    "mlp": Mlp.build,
    "quantile_normal": QuantileNormal.build,
    "ratios": Ratios.build,
    "sigmoid": Sigmoid.build,
    "standardize": Standardize.build,
    "units": Units.build,
}


def chain(
    specs: Sequence[Mapping[str, Any]], arrays: Mapping[str, npt.NDArray[Any]], width: int
) -> list[Stage]:
    """Build the stages of a model; each takes the columns that the previous one returns.

    Parameters
    ----------
    specs
        The stages' descriptions; `kind` is a key of `FAMILIES`.
    arrays
        All arrays of the model.
    width
        The number of columns of the first stage's input.

    Raises
    ------
    ArtifactError
        If a stage has an unknown kind, or its parameters are missing or have the wrong shape.
    """
    stages: list[Stage] = []
    for spec in specs:
        kind = spec.get("kind")
        if not isinstance(kind, str) or kind not in FAMILIES:
            raise ArtifactError(
                f"The model has a stage of the kind {kind!r}; this code knows {', '.join(sorted(FAMILIES))}. "
                "Serve the model with the code in its archive."
            )
        stage = FAMILIES[kind](Parameters(spec, arrays), width)
        stages.append(stage)
        width = stage.width
    return stages


__all__ = ["FAMILIES", "chain", "run"]
