"""Multilayer perceptrons without the final sigmoid: one network, or several whose logits are averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Parameters


def _relu(Z: Floats) -> Floats:
    return np.maximum(Z, 0.0, out=Z)


def _tanh(Z: Floats) -> Floats:
    return np.tanh(Z, out=Z)


# Each function overwrites its argument and returns it.
ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {"relu": _relu, "tanh": _tanh}


@dataclass(frozen=True)
class Mlp:
    """The mean logit of networks; a layer has weights (networks, in, out) and biases (networks, 1, out)."""

    activation: Callable[[Floats], Floats]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    width: int = 1

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Mlp:
        """Read the stage from a model's parameters, with `layers` arrays of weights and biases."""
        activation = ACTIVATIONS[parameters.choice("activation", sorted(ACTIVATIONS))]
        layers = int(parameters.number("layers"))
        if layers < 1:
            raise ArtifactError(f"The stage {parameters.kind!r} has {layers} layers; it needs at least one.")
        weights: list[Floats] = []
        biases: list[Floats] = []
        nets: int | None = None
        for layer in range(layers):
            out = 1 if layer == layers - 1 else None
            weight = parameters.array(f"weights.{layer}", (nets, width, out))
            nets, _, width = weight.shape
            weights.append(weight)
            biases.append(parameters.array(f"biases.{layer}", (nets, 1, width)))
        return cls(activation, tuple(weights), tuple(biases))

    def __call__(self, X: Floats) -> Floats:
        """Return the mean logits, (n, 1)."""
        values = X
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values @ weight
            values += bias
            if layer < last:
                values = self.activation(values)
        logits: Floats = values.sum(axis=0) / len(values)
        return logits
