"""A model folder to damage, and the changes that damage it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inference.artifact import load
from inference.errors import ArtifactError
from steps.export.served import ServedModel

NAMES = ["ROA(C) before interest and depreciation before interest", "Revenue Per Share (Yuan ¥)"]
CONTRACT = {
    "contract": "94a7708515f3a077",
    "features": [{"name": name} for name in NAMES],
    "threshold": 0.12,
    "risk_levels": [
        {"level": "low", "from": 0.0},
        {"level": "medium", "from": 0.05},
        {"level": "high", "from": 0.2},
    ],
    "estimator": "logistic",
}
SERVED = ServedModel(
    {"0.coefficients": np.array([[1.0], [-1.0]]), "0.intercept": np.zeros(1)},
    {
        "stages": [
            {"kind": "linear", "arrays": "0"},
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    edit(description)
    path.write_text(json.dumps(description), encoding="utf-8")


def state_hash_of_arrays(folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.npz").read_bytes()).hexdigest()
    change(folder, lambda description: description.update(model_npz_sha256=digest))


# One stage of each kind of parameter: numbers, lists of columns, arrays of numbers and of integers, members
MANY_STAGES = ServedModel(
    {
        "trees.columns": np.zeros((7, 1), np.uint16),
        "trees.thresholds": np.zeros((7, 1)),
        "trees.masks": np.full((7, 1), 255, np.uint8),
        "trees.leaves": np.zeros((1, 8)),
        "wood.columns": np.array([0, 0, 0], np.uint16),
        "wood.thresholds": np.array([0.5, 0, 0], np.float32),
        "wood.left": np.array([1, 1, 2], np.uint32),
        "wood.leaves": np.array([0.2, 0.8]),
    },
    {
        "stages": [
            {"kind": "units", "columns": [0], "limit": 1.0, "large_factor": 1.0, "small_factor": 1.0},
            {
                "kind": "blend",
                "members": [
                    [{"kind": "boosted_trees", "arrays": "trees", "intercept": 0.0}],
                    [{"kind": "forest", "arrays": "wood", "trees": 1, "smallest": 1e-6}],
                ],
            },
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)


def loads_or_is_rejected(folder: Path) -> bool:
    try:
        model = load(folder)
    except ArtifactError:
        return False
    assert model.predict_proba(np.ones((1, len(model.contract.names)))).shape == (1,)
    return True
