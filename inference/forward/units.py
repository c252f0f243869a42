"""Unit repair: converts columns with values in two units to one unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.forward.stage import Floats, Indices, Parameters


@dataclass(frozen=True)
class Units:
    """In `columns`, multiplies values above `limit` by `large_factor`, and the others by `small_factor`."""

    columns: Indices
    limit: float
    large_factor: float
    small_factor: float
    width: int

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Units:
        """Read the stage from a model's parameters."""
        return cls(
            parameters.positions("columns", width),
            parameters.number("limit"),
            parameters.number("large_factor"),
            parameters.number("small_factor"),
            width,
        )

    def __call__(self, X: Floats) -> Floats:
        """Return all columns, (n, k)."""
        repaired = X.copy()
        mixed = X[:, self.columns]
        repaired[:, self.columns] = mixed * np.where(mixed > self.limit, self.large_factor, self.small_factor)
        return repaired
