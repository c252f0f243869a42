"""Logistic regression, without the final sigmoid."""

from __future__ import annotations

from dataclasses import dataclass

from inference.forward.stage import Floats, Parameters


@dataclass(frozen=True)
class Linear:
    """The logit ``X @ coefficients + intercept``, with coefficients (k, 1) and intercept (1,)."""

    coefficients: Floats
    intercept: Floats
    width: int = 1

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Linear:
        """Read the stage from a model's parameters."""
        return cls(parameters.array("coefficients", (width, 1)), parameters.array("intercept", (1,)))

    def __call__(self, X: Floats) -> Floats:
        """Return the logits, (n, 1)."""
        return X @ self.coefficients + self.intercept
