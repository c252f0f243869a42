"""Maps a model's logit to a calibrated probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Parameters


@dataclass(frozen=True)
class Sigmoid:
    """The probability ``1 / (1 + exp(-(slope * logit + intercept)))``: Platt scaling of a logit."""

    slope: float
    intercept: float
    width: int = 1

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Sigmoid:
        """Read the stage from a model's parameters."""
        if width != 1:
            raise ArtifactError(f"The stage {parameters.kind!r} takes one column of logits, not {width}.")
        return cls(parameters.number("slope"), parameters.number("intercept"))

    def __call__(self, X: Floats) -> Floats:
        """Return the probabilities, (n, 1); for very negative logits exp overflows, and they are 0."""
        probabilities: Floats = 1.0 / (1.0 + np.exp(X * -self.slope - self.intercept))
        return probabilities
