"""Trains models for the benchmarks and times the handlers that serve them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.common.figures import ROOT
from benchmarks.common.steps import run_steps
from inference import handlers
from inference.artifact import Model
from steps.export.archive import unpack_model
from steps.resample import resample
from steps.train_baseline import baseline_network

Floats = NDArray[np.float64]


def trained_archive(folder: Path, estimator: str) -> Path:
    """Return a model.tar.gz trained on sample data, reused until code in steps/ or inference/ changes."""
    code = sha256()
    for source in sorted(path for name in ("steps", "inference") for path in (ROOT / name).rglob("*.py")):
        code.update(source.read_bytes())
    workspace = folder / code.hexdigest()[:12]
    archive = workspace / estimator / "model.tar.gz"
    if not archive.exists():
        for step in run_steps(workspace, 1, ["SelectFeatures", "TrainRecommended"], [estimator]):
            if step.failed:
                sys.exit(f"{step.step} failed; its output above says why.")
    return archive


def unpacked_model(archive: Path) -> Model:
    """Unpack a model.tar.gz beside itself and load it."""
    folder = archive.parent / "unpacked"
    unpack_model(archive, folder)
    return handlers.model_fn(str(folder))


def served_contract(model: Model) -> dict[str, Any]:
    """Return the contract that a deployment needs."""
    return {**model.contract.facts, "metrics": {}}


def fit_baseline(X: Floats, y: NDArray[np.int8], seed: int) -> Pipeline:
    """Fit the baseline recipe: scale, resample by SMOTE-Tomek, train the network."""
    scaler = StandardScaler().fit(X)
    network = baseline_network(seed).fit(*resample("smote-tomek", scaler.transform(X), y, seed))
    return Pipeline([("scale", scaler), ("mlp", network)])


def handler_seconds(
    model: Any, body: str, media_type: str, clock: Callable[[], float], rounds: int
) -> dict[str, float]:
    """Return the median seconds, by a clock, of each of the container's handlers in this process."""
    taken: dict[str, list[float]] = {"input_fn": [], "predict_fn": [], "output_fn": []}
    for _ in range(rounds):
        times = [clock()]
        request = handlers.input_fn(body, media_type)
        times.append(clock())
        predictions = handlers.predict_fn(request, model)
        times.append(clock())
        handlers.output_fn(predictions, media_type)
        times.append(clock())
        for name, start, end in zip(taken, times, times[1:], strict=False):
            taken[name].append(end - start)
    return {name: median(values) for name, values in taken.items()}
