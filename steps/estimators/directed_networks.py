"""Small neural networks in which a column can be limited to one direction of the logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from steps.estimators.directed_fit import base_logit, directions_of, fit_directed, log_loss, signed_labels
from steps.estimators.logit_classifier import Floats, LogitClassifier
from steps.estimators.samples import bounded

# Chosen by cross-validation on blocks of the UCI file. As with scikit-learn's `alpha`, the penalties are
# added to the sum of the losses, not to their mean. Stopping early regularizes as well: with twice as many
# iterations, the networks rank unseen blocks worse.
UNITS = 8
INPUT_PENALTY = 5.0
OUTPUT_PENALTY = 20.0
ITERATIONS = 100


class Network(NamedTuple):
    """The coefficients of a network; its logit is ``tanh(X @ inputs + biases) @ outputs + intercept``.

    Attributes
    ----------
    inputs : array of shape (columns, units)
        The weights of the columns.
    biases : array of shape (units,)
    outputs : array of shape (units,)
        The weights of the units, not negative.
    intercept : array of shape (1,)
    """

    inputs: Floats
    biases: Floats
    outputs: Floats
    intercept: Floats


class DirectedNetworks(LogitClassifier):
    """Averages the logits of networks with one hidden layer that differ only in their random start.

    Parameters
    ----------
    networks
        The number of networks.
    seed
        Seed of the starts.
    directions
        For each column 1 if a larger value can only raise the logit, -1 if it can only lower it, otherwise 0.
        None if no column has a direction.

    Attributes
    ----------
    networks_ : list of Network

    Notes
    -----
    scikit-learn's MLPClassifier has no directions. Here, a column with a direction can move each hidden unit
    only in that direction, and each unit can only raise the logit. The second constraint costs nothing,
    because ``-tanh(z)`` equals ``tanh(-z)``. Networks with such constraints were suggested by N. P. Archer &
    S. Wang, "Application of the Back Propagation Neural Network Algorithm with Monotonicity Constraints for
    Two-Group Classification Problems", Decision Sciences 24 (1993), 60 to 75.
    """

    def __init__(self, networks: int = 4, seed: int = 0, directions: Sequence[int] | None = None) -> None:
        self.networks = networks
        self.seed = seed
        self.directions = directions

    def fit(self, X: Floats, y: NDArray[np.integer]) -> Self:
        """Fit all networks to all companies, or to one sample if there are over `LARGEST_SAMPLE`."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        sample = bounded(y, self.seed)
        X, labels = X[sample], signed_labels(y[sample], self.classes_)
        directions = np.array(directions_of(X.shape[1], self.directions))
        self.networks_ = [
            _fit(X, labels, directions, np.random.default_rng([self.seed, number]))
            for number in range(self.networks)
        ]
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the mean logit, shape (rows,)."""
        logits = [
            np.tanh(X @ each.inputs + each.biases) @ each.outputs + each.intercept for each in self.networks_
        ]
        mean: Floats = np.mean(logits, axis=0)
        return mean


def _fit(X: Floats, labels: Floats, directions: NDArray[np.integer], random: np.random.Generator) -> Network:
    columns, companies = X.shape[1], len(labels)
    inputs = random.normal(0, 0.5 / np.sqrt(columns), (columns, UNITS))
    start = Network(
        np.where(directions[:, None] == 0, inputs, directions[:, None] * np.abs(inputs)),
        random.normal(0, 0.5, UNITS),
        np.abs(random.normal(0, 1 / np.sqrt(UNITS), UNITS)),
        np.array([base_logit(labels)]),
    )

    def loss(coefficients: Floats) -> tuple[float, Floats]:
        network = _network(coefficients, columns)
        hidden = np.tanh(X @ network.inputs + network.biases)
        value, derivative = log_loss(labels, hidden @ network.outputs + network.intercept)
        input_penalty, output_penalty = INPUT_PENALTY / companies, OUTPUT_PENALTY / companies
        value += input_penalty / 2 * float(np.sum(network.inputs**2))
        value += output_penalty / 2 * float(np.sum(network.outputs**2))
        hidden_derivative = np.outer(derivative, network.outputs) * (1 - hidden**2)
        gradient = Network(
            X.T @ hidden_derivative + input_penalty * network.inputs,
            hidden_derivative.sum(axis=0),
            hidden.T @ derivative + output_penalty * network.outputs,
            derivative.sum(keepdims=True),
        )
        return value, _coefficients(gradient)

    coefficient_directions = [*np.repeat(directions, UNITS).tolist(), *[0] * UNITS, *[1] * UNITS, 0]
    return _network(fit_directed(loss, _coefficients(start), coefficient_directions, ITERATIONS), columns)


def _coefficients(network: Network) -> Floats:
    """Return the coefficients of a network in one array, as `_network` reads them."""
    return np.concatenate([each.ravel() for each in network])


def _network(coefficients: Floats, columns: int) -> Network:
    """Return a network of coefficients in the order of `_coefficients`."""
    ends = np.cumsum([columns * UNITS, UNITS, UNITS])
    inputs, biases, outputs, intercept = np.split(coefficients, ends)
    return Network(inputs.reshape(columns, UNITS), biases, outputs, intercept)
