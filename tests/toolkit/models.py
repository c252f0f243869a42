"""Small models to serve: one that answers at once, and one that is slow with many companies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference.contract import contract_hash
from steps.export.files import write_model
from steps.export.served import ServedModel

NAMES = ["Debt ratio %", "Cash flow per share", "ROA(A)"]
HASH = contract_hash(NAMES)
CONTRACT = {
    "contract": HASH,
    "features": [{"name": name, "min": 0.0, "max": 1.0} for name in NAMES],
    "threshold": 0.2,
    "risk_levels": [{"level": "low", "from": 0.0}, {"level": "high", "from": 0.75}],
}
SIGMOID = {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0}


def write_quick(folder: Path, logit_of_one: float = np.log(3.0)) -> None:
    """Write a model whose logit is the first number times ln 3: 1 gives 3/4, -2 gives 1/10."""
    arrays = {"0.coefficients": np.array([[logit_of_one], [0.0], [0.0]]), "0.intercept": np.zeros(1)}
    write_model(
        folder, ServedModel(arrays, {"stages": [{"kind": "linear", "arrays": "0"}, SIGMOID]}), CONTRACT, None
    )


def write_slow(folder: Path) -> None:
    """Write a bag of many networks, which takes seconds for thousands of companies."""
    random = np.random.default_rng(0)
    arrays = {
        "0.weights.0": random.normal(size=(1500, 3, 32)),
        "0.biases.0": np.zeros((1500, 1, 32)),
        "0.weights.1": random.normal(size=(1500, 32, 1)),
        "0.biases.1": np.zeros((1500, 1, 1)),
    }
    stage = {"kind": "mlp", "arrays": "0", "activation": "tanh", "layers": 2}
    write_model(folder, ServedModel(arrays, {"stages": [stage, SIGMOID]}), CONTRACT, None)
