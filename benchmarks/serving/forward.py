"""Times the served forward passes against scikit-learn's predict_proba, side by side in one process."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from inference import handlers
from inference.artifact import Model, load
from inference.contract import contract_hash
from inference.request import JSON
from steps.estimators import recipes
from steps.export.files import write_model
from steps.export.served import export_pipeline
from steps.measures.calibration import Calibration
from steps.train_baseline import baseline_network

Floats = NDArray[np.float64]
Call = Callable[[], object]

UNCALIBRATED = Calibration(slope=1.0, intercept=0.0)
# The fastest of many short runs counts, because other work on the machine can only add time.
RUN_SECONDS = 0.002
TOTAL_SECONDS = 0.5
# Values at which floating-point code fails most easily.
HOSTILE = (0.0, -0.0, 1.0, 1.0000001, 1e10, -1e10, -1.0, 5e-324, -1e-310, 0.3, 1e-9, 1e100, -1e100)


@dataclass(frozen=True)
class Compared:
    """Seconds that one family takes for a batch of rows: the served form, and scikit-learn."""

    family: str
    rows: int
    seconds: float
    sklearn_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as fast as scikit-learn the served form is."""
        return self.sklearn_seconds / self.seconds


@dataclass(frozen=True)
class Family:
    """A fitted family and its served form."""

    name: str
    pipeline: Pipeline
    model: Model
    folder: Path


def fitted(X: Floats, y: NDArray[np.int8], names: Sequence[str], folder: Path) -> Iterator[Family]:
    """Fit and export every family that can be served; the baseline network comes first."""
    builds: dict[str, Callable[[], Pipeline]] = {
        "baseline mlp": lambda: Pipeline([("scale", StandardScaler()), ("mlp", baseline_network(0))]),
        "boosting, 300 trees": lambda: recipes.boosting(names, 0, bags=1, trees=300),
        **{name: partial(build, names, 0) for name, build in recipes.ESTIMATORS.items()},
    }
    contract = {
        "contract": contract_hash(names),
        "features": [{"name": name} for name in names],
        "threshold": 0.1,
        "risk_levels": [{"level": "low", "from": 0.0}, {"level": "high", "from": 0.1}],
    }
    for name, build in builds.items():
        with warnings.catch_warnings():
            # Some networks stop after few epochs by design.
            warnings.simplefilter("ignore", ConvergenceWarning)
            pipeline = build().fit(X, y)
        exported = folder / name.replace(", ", "-").replace(" ", "-")
        write_model(exported, export_pipeline(pipeline, UNCALIBRATED), contract, None)
        yield Family(name, pipeline, load(exported), exported)


def compare(family: Family, X: Floats, counts: Sequence[int]) -> Iterator[Compared]:
    """Time both forms alternately, for each number of rows."""
    for count in counts:
        rows = np.ascontiguousarray(np.tile(X, (-(-count // len(X)), 1))[:count])
        served, sklearn = fastest(
            partial(family.model.predict_proba, rows), partial(family.pipeline.predict_proba, rows)
        )
        yield Compared(family.name, count, served, sklearn)


def fastest(*calls: Call) -> list[float]:
    """Return the fastest seconds of each call; calls take turns, so that all run under the same load."""
    best = [_seconds(call, 1) for call in calls]
    spent = list(best)
    while min(spent) < TOTAL_SECONDS:
        for position, call in enumerate(calls):
            if spent[position] < TOTAL_SECONDS:
                count = max(1, round(RUN_SECONDS / best[position]))
                each = _seconds(call, count)
                spent[position] += each * count
                best[position] = min(best[position], each)
    return best


def _seconds(call: Call, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count


def largest_difference(family: Family, X: Floats) -> float:
    """Return the largest difference between the two probabilities, on companies and on hostile values."""
    random = np.random.default_rng(0)
    hostile = random.choice(HOSTILE, (2000, X.shape[1]))
    mixed = np.where(random.random(X.shape) < 0.1, random.choice(HOSTILE, X.shape), X)
    largest = 0.0
    with np.errstate(all="ignore"):
        for rows in (X, np.nextafter(X, np.inf), np.nextafter(X, -np.inf), hostile, mixed):
            expected = family.pipeline.predict_proba(rows)[:, 1]
            served = family.model.predict_proba(rows)
            largest = max(largest, float(np.abs(served - expected).max()))
    return largest


def parts_of_a_request(family: Family, row: Floats) -> dict[str, float]:
    """Return the seconds of each part of answering one company; `whole` is timed separately."""
    body = json.dumps({"data": row[0].tolist()})
    model = family.model

    def whole() -> object:
        return handlers.output_fn(handlers.predict_fn(handlers.input_fn(body, JSON), model), JSON)

    request = handlers.input_fn(body, JSON)
    predictions = handlers.predict_fn(request, model)
    parts: dict[str, Call] = {
        "json.loads alone": partial(json.loads, body),
        "read the request": partial(handlers.input_fn, body, JSON),
        "predict_proba": partial(model.predict_proba, row),
        "check, predict": partial(handlers.predict_fn, request, model),
        "write the answer": partial(handlers.output_fn, predictions, JSON),
        "whole": whole,
    }
    return dict(zip(parts, fastest(*parts.values()), strict=True))
