"""The interface of a stage, and the checked reading of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from sys import float_info
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from inference.errors import ArtifactError

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Intermediate arrays have at most this many rows, which limits memory.
CHUNK_ROWS: Final = 512


class Stage(Protocol):
    """A function of columns: takes (n, input columns) and returns (n, `width`) as float64."""

    @property
    def width(self) -> int:
        """The number of output columns."""
        ...

    def __call__(self, X: Floats) -> Floats:
        """Return the stage's values for the rows of `X`, without changing `X`."""
        ...


def run(stages: Sequence[Stage], X: Floats) -> Floats:
    """Return the values of the last stage for the rows of `X`."""
    for stage in stages:
        X = stage(X)
    return X


def run_in_chunks(
    stages: Sequence[Stage], X: Floats, before_chunk: Callable[[], None] = lambda: None
) -> Floats:
    """Return the first column of the last stage for the rows of `X`, (n,); large inputs can overflow.

    Parameters
    ----------
    before_chunk
        Called before every `CHUNK_ROWS` rows.
    """
    results = np.empty(len(X))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(X), CHUNK_ROWS):
            before_chunk()
            rows = slice(start, start + CHUNK_ROWS)
            results[rows] = run(stages, X[rows])[:, 0]
    return results


class Parameters:
    """The parameters of one stage: its description in model.json and its arrays in model.npz.

    An array `name` of the stage is `<stage's "arrays">.name` in model.npz.
    """

    def __init__(self, spec: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.spec = spec
        self.arrays = arrays
        self.kind = spec["kind"]

    def array(self, name: str, shape: tuple[int | None, ...]) -> Floats:
        """Return an array as float64; `None` in `shape` means any length but 0."""
        key, array = self._shaped(name, shape)
        with np.errstate(over="ignore"):  # A longer float can overflow float64 to infinity.
            numbers = np.ascontiguousarray(array, dtype=np.float64) if array.dtype.kind == "f" else None
        if numbers is None or not np.isfinite(numbers).all():
            raise ArtifactError(f"The array {key!r} must contain only finite numbers.")
        return numbers

    def integers(self, name: str, shape: tuple[int | None, ...], below: int) -> Indices:
        """Return an array of integers from 0 to `below` - 1; `shape` is as for `array`."""
        key, array = self._shaped(name, shape)
        if array.dtype.kind not in "iu" or (array < 0).any() or (array >= below).any():
            raise ArtifactError(f"The array {key!r} must contain only integers from 0 to {below - 1}.")
        return np.ascontiguousarray(array, dtype=np.intp)

    def _shaped(self, name: str, shape: tuple[int | None, ...]) -> tuple[str, npt.NDArray[Any]]:
        key = f"{self.spec.get('arrays')}.{name}"
        if key not in self.arrays:
            raise ArtifactError(f"model.npz lacks the array {key!r} of the stage {self.kind!r}.")
        array = self.arrays[key]
        fits = array.ndim == len(shape) and all(
            have > 0 if want is None else have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits:
            raise ArtifactError(f"The array {key!r} has the shape {array.shape}; it must be {shape}.")
        return key, array

    def number(self, name: str) -> float:
        """Return a number from the stage's description."""
        value: Any = self.spec.get(name)
        if not _is_number(value):
            raise ArtifactError(f"{name!r} of the stage {self.kind!r} is {value!r}; it must be a number.")
        return float(value)

    def numbers(self, name: str, count: int) -> Floats:
        """Return a list of `count` numbers from the stage's description; it can be empty."""
        values = self.spec.get(name)
        if not isinstance(values, list) or len(values) != count or not all(map(_is_number, values)):
            raise ArtifactError(
                f"{name!r} of the stage {self.kind!r} is {values!r}; it must be a list of {count} numbers."
            )
        return np.array(values, dtype=np.float64)

    def positions(self, name: str, width: int) -> Indices:
        """Return a list of column indexes from the stage's description; it can be empty."""
        values = self.spec.get(name)
        if not isinstance(values, list) or not all(
            type(index) is int and 0 <= index < width for index in values
        ):
            raise ArtifactError(
                f"{name!r} of the stage {self.kind!r} is {values!r}; it must be a list of column "
                f"indexes from 0 to {width - 1}."
            )
        return np.array(values, dtype=np.intp)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """Return one of several allowed strings from the stage's description."""
        value = self.spec.get(name)
        if value not in allowed:
            raise ArtifactError(
                f"{name!r} of the stage {self.kind!r} is {value!r}; it must be one of {', '.join(allowed)}."
            )
        return str(value)


def _is_number(value: object) -> bool:
    # The comparison is false for NaN. Integers in JSON can be larger than any float.
    within = isinstance(value, int | float) and -float_info.max <= value <= float_info.max
    return within and not isinstance(value, bool)
