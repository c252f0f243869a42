"""Derived ratios: appends differences, quotients and products of columns, and clips all values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Indices, Parameters


@dataclass(frozen=True)
class Pairs:
    """The left and right column indexes of one operation, with one entry for each derived column."""

    left: Indices
    right: Indices

    @classmethod
    def read(cls, parameters: Parameters, operation: str, width: int) -> Pairs:
        """Read the indexes from a model's parameters."""
        left = parameters.positions(f"{operation}_left", width)
        right = parameters.positions(f"{operation}_right", width)
        if len(left) != len(right):
            raise ArtifactError(
                f"The stage {parameters.kind!r} has {len(left)} left but {len(right)} right columns for "
                f"{operation}s; the numbers must be equal."
            )
        return cls(left, right)


@dataclass(frozen=True)
class Ratios:
    """The input columns, then differences, quotients (with offsets added to the divisors) and products.

    Inputs and results are clipped to ±`limit`; undefined values become 0.
    """

    differences: Pairs
    quotients: Pairs
    products: Pairs
    offsets: Floats
    limit: float
    width: int

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Ratios:
        """Read the stage from a model's parameters."""
        differences = Pairs.read(parameters, "difference", width)
        quotients = Pairs.read(parameters, "quotient", width)
        products = Pairs.read(parameters, "product", width)
        derived = len(differences.left) + len(quotients.left) + len(products.left)
        offsets = parameters.numbers("quotient_offsets", len(quotients.left))
        limit = parameters.number("limit")
        return cls(differences, quotients, products, offsets, limit, width + derived)

    def __call__(self, X: Floats) -> Floats:
        """Return the input columns and the derived columns, (n, k + derived)."""
        given = np.clip(X, -self.limit, self.limit)
        differences, quotients, products = self.differences, self.quotients, self.products
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            columns = np.concatenate(
                [
                    given,
                    given[:, differences.left] - given[:, differences.right],
                    given[:, quotients.left] / (given[:, quotients.right] + self.offsets),
                    given[:, products.left] * given[:, products.right],
                ],
                axis=1,
            )
        np.clip(columns, -self.limit, self.limit, out=columns)
        columns[np.isnan(columns)] = 0.0
        return columns
