"""TrainBaseline: fits the baseline recipe on the training companies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from steps.dataset.columns import TARGET
from steps.frames import read_frame, target, values
from steps.job import Arguments, channel, model_dir, require_file, run
from steps.training import Candidate, TrainingSet, default_processes, read_training_set, train_candidate


def main(argv: Sequence[str] | None = None) -> None:
    """Write the baseline candidate's artifact into the model folder."""
    parser = Arguments(prog="train_baseline", description=__doc__)
    parser.add_argument("--train", type=Path, default=channel("train"))
    parser.add_argument("--resampled", type=Path, default=channel("resampled"))
    parser.add_argument("--features", type=Path, default=channel("features"))
    parser.add_argument("--model-dir", type=Path, default=model_dir())
    parser.add_argument("--random-seed", type=int, default=42)
    parser.add_argument("--processes", type=int)
    args = parser.parse_args(argv)
    data = read_training_set(args.train, args.features, "baseline")
    resampling = require_file(args.resampled / "resampling.json", "resampling report")
    resampler = json.loads(resampling.read_text(encoding="utf-8"))["resampler"]
    data = replace(data, origin={**data.origin, "resampler": resampler})
    fit = partial(fit_baseline, data, args.resampled, args.random_seed)
    processes = args.processes or default_processes(data)
    train_candidate(Candidate("baseline", "mlp"), data, fit, args.model_dir, processes)


def fit_baseline(data: TrainingSet, resampled: Path, seed: int, held_out: int | None) -> Pipeline:
    """Fit the scaler on real companies, and the network on the resampled companies from Resample."""
    part = "whole" if held_out is None else f"fold-{held_out}"
    frame: pd.DataFrame = read_frame(resampled, f"{part}.parquet", [*data.names, TARGET])
    # The same scaler as in Resample, because it is fitted on the same companies.
    scaler = StandardScaler().fit(data.X[data.outside(held_out)])
    network = baseline_network(seed)
    network.fit(values(frame, data.names), target(frame))
    return Pipeline([("scale", scaler), ("mlp", network)])


def baseline_network(seed: int) -> MLPClassifier:
    """Return the baseline network, unfitted."""
    return MLPClassifier(
        hidden_layer_sizes=(100, 50),
        activation="relu",
        solver="adam",
        alpha=0.001,
        learning_rate="adaptive",
        learning_rate_init=0.001,
        max_iter=1000,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
        random_state=seed,
    )


if __name__ == "__main__":
    run(main)
