"""TrainRecommended: fits the recommended estimator, or another one by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sklearn.pipeline import Pipeline

from steps.estimators.recipes import ESTIMATORS, Build
from steps.job import Arguments, channel, model_dir, require_choice, run
from steps.training import Candidate, TrainingSet, default_processes, read_training_set, train_candidate


def main(argv: Sequence[str] | None = None) -> None:
    """Write the recommended candidate's artifact into the model folder."""
    parser = Arguments(prog="train_recommended", description=__doc__)
    parser.add_argument("--train", type=Path, default=channel("train"))
    parser.add_argument("--features", type=Path, default=channel("features"))
    parser.add_argument("--model-dir", type=Path, default=model_dir())
    parser.add_argument("--estimator", default="blend")
    parser.add_argument("--random-seed", type=int, default=42)
    parser.add_argument("--processes", type=int)
    args = parser.parse_args(argv)
    require_choice("Estimator", args.estimator, tuple(ESTIMATORS))
    data = read_training_set(args.train, args.features, "recommended")
    # Fitting a logistic regression is faster than starting a process.
    processes = args.processes or (1 if args.estimator == "logistic" else default_processes(data))
    fit = partial(fit_recommended, data, ESTIMATORS[args.estimator], args.random_seed)
    train_candidate(Candidate("recommended", args.estimator), data, fit, args.model_dir, processes)


def fit_recommended(data: TrainingSet, build: Build, seed: int, held_out: int | None) -> Pipeline:
    """Fit the estimator on real companies in the units of the data file."""
    companies = data.outside(held_out)
    return build(data.names, seed).fit(data.X[companies], data.y[companies])


if __name__ == "__main__":
    run(main)
