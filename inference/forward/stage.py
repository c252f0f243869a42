"""What every family's forward pass is: a stage, built from parameters that are checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.errors import ArtifactError

Floats = npt.NDArray[np.float64]


class Stage(Protocol):
    """A step from columns to columns: called with (n, columns taken), returns (n, `width`) float64."""

    @property
    def width(self) -> int:
        """The number of columns that come out."""
        ...

    def __call__(self, X: Floats) -> Floats:
        """Return the stage's values for the rows of `X`, which is left as it is."""
        ...


class Parameters:
    """The parameters of one stage: its description in model.json and its arrays in model.npz.

    An array `name` of the stage is `<stage's "arrays">.name` in model.npz.
    """

    def __init__(self, spec: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.spec = spec
        self.arrays = arrays
        self.kind = spec["kind"]

    def array(self, name: str, shape: tuple[int | None, ...]) -> Floats:
        """Return an array as float64; `None` in `shape` stands for any length but 0."""
        key = f"{self.spec.get('arrays')}.{name}"
        if key not in self.arrays:
            raise ArtifactError(f"model.npz lacks the array {key!r} of the stage {self.kind!r}.")
        array = self.arrays[key]
        fits = array.ndim == len(shape) and all(
            have > 0 if want is None else have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits:
            raise ArtifactError(f"The array {key!r} has the shape {array.shape}, not {shape}.")
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ArtifactError(f"The array {key!r} holds something other than finite numbers.")
        return np.ascontiguousarray(array, dtype=np.float64)

    def number(self, name: str) -> float:
        """Return a number from the stage's description."""
        value = self.spec.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
            raise ArtifactError(f"{name!r} of the stage {self.kind!r} is {value!r}; it must be a number.")
        return float(value)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """Return a word from the stage's description."""
        value = self.spec.get(name)
        if value not in allowed:
            raise ArtifactError(
                f"{name!r} of the stage {self.kind!r} is {value!r}; it must be one of {', '.join(allowed)}."
            )
        return str(value)
