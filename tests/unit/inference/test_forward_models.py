"""The forward passes return the logits of the models' definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from inference.errors import ArtifactError
from inference.forward import chain, run


def net(rng: np.random.Generator, sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(rng.normal(size=(before, after)), rng.normal(size=after)) for before, after in pairwise(sizes)]


def logit(layers: list[tuple[np.ndarray, np.ndarray]], row: np.ndarray, activation: str) -> float:
    """Compute one row of one network, neuron by neuron."""
    values = list(row)
    for number, (weights, biases) in enumerate(layers):
        values = [
            sum(v * w for v, w in zip(values, column, strict=True)) + b
            for column, b in zip(weights.T, biases, strict=True)
        ]
        if number < len(layers) - 1:
            values = [max(v, 0.0) if activation == "relu" else float(np.tanh(v)) for v in values]
    (value,) = values
    return value


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("sizes", [(4, 1), (4, 6, 1), (4, 5, 3, 2, 1)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_bag_of_networks_returns_their_mean_logit(
    activation: str, sizes: tuple[int, ...], count: int
) -> None:
    rng = np.random.default_rng(3)
    nets = [net(rng, sizes) for _ in range(count)]
    arrays = {}
    for layer in range(len(sizes) - 1):
        arrays[f"bag.weights.{layer}"] = np.stack([layers[layer][0] for layers in nets])
        arrays[f"bag.biases.{layer}"] = np.stack([layers[layer][1] for layers in nets])[:, None]
    spec = {"kind": "mlp", "arrays": "bag", "activation": activation, "layers": len(sizes) - 1}
    X = rng.normal(size=(5, 4))
    expected = [[np.mean([logit(layers, row, activation) for layers in nets])] for row in X]
    np.testing.assert_allclose(run(chain([spec], arrays, 4), X), expected, rtol=1e-12)


def test_linear_and_sigmoid_return_the_calibrated_probability() -> None:
    stages = chain(
        [
            {"kind": "linear", "arrays": "0"},
            {"kind": "sigmoid", "slope": 2.0, "intercept": -1.0},
        ],
        {"0.coefficients": np.array([[1.0], [-1.0]]), "0.intercept": np.array([0.5])},
        2,
    )
    # The logits are ±0.5, ±2.5 and ±1e6, where exp would overflow.
    X = np.array([[0.0, 0.0], [2.0, 0.0], [1e6, 0.0], [0.0, 1e6]])
    expected = [0.5, 1 / (1 + np.exp(-4.0)), 1.0, 0.0]
    with np.errstate(over="ignore"):  # As in a model.
        np.testing.assert_allclose(run(stages, X)[:, 0], expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (
            [{"kind": "mlp", "arrays": "0", "activation": "logistic", "layers": 1}],
            "must be one of relu, tanh",
        ),
        ([{"kind": "mlp", "arrays": "0", "activation": "relu", "layers": 0}], "at least one"),
        ([{"kind": "mlp", "arrays": "0", "activation": "relu", "layers": "2"}], "must be a number"),
        (
            [{"kind": "mlp", "arrays": "0", "activation": "relu", "layers": 2}],
            "lacks the array '0.weights.1'",
        ),
        ([{"kind": "sigmoid", "slope": 1.0, "intercept": 0.0}], "one column of logits, not 2"),
        ([{"kind": "linear", "arrays": "0"}, {"kind": "sigmoid", "intercept": 0.0}], "'slope'"),
        ([{"kind": "linear", "arrays": "0"}, {"kind": "sigmoid", "slope": True}], "must be a number"),
    ],
)
def test_invalid_parameters_are_rejected(specs: list[dict], message: str) -> None:
    arrays = {
        "0.weights.0": np.ones((1, 2, 3)),
        "0.biases.0": np.ones((1, 1, 3)),
        "0.coefficients": np.ones((2, 1)),
        "0.intercept": np.ones(1),
    }
    with pytest.raises(ArtifactError, match=message):
        chain(specs, arrays, 2)
