"""Measures how well each recipe ranks companies: `make bench-quality`.

Protocols:

- 3-fold cross-validation, repeated three times for each seed. Everything (columns, quantiles, resampling,
  calibration) is fitted on the training folds alone.
- The published protocol, with its leak.
- Later rows judged by a model of the earlier ones, and the reverse.

With `--write` the figures go to benchmarks/results/quality.json, docs/honest-figures.md and its plot.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.common.figures import DOCS, RESULTS, store
from benchmarks.common.models import fit_baseline
from benchmarks.common.pages import put
from benchmarks.quality.plot import draw
from benchmarks.quality.table import Figures, Result, chapter, results_table
from scripts.data.data_file import DataError
from scripts.data.source import resolve
from steps.dataset.columns import RATIOS
from steps.dataset.reader import read_data
from steps.estimators.recipes import ESTIMATORS
from steps.frames import target, values
from steps.job import log, one_thread
from steps.measures.calibration import Calibration, fit_calibration
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import (
    average_precision,
    brier_score,
    expected_calibration_error,
    recall_at,
    roc_auc,
)
from steps.resample import resample
from steps.select_features import select
from steps.train_baseline import baseline_network
from steps.training import available_cores

QUALITY = RESULTS / "quality.json"
PAGE = DOCS / "honest-figures.md"

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Rows = NDArray[np.intp]

SELECTED = 50
FOLDS = 3
# Splits the training companies for the out-of-fold predictions that calibration is fitted to.
CALIBRATION_FOLDS = 3
EARLIER = 0.7
UNCALIBRATED = Calibration(slope=1.0, intercept=0.0)

# Takes training companies, their labels, the columns' names, companies to judge, and a seed. Returns the
# logits of the companies to judge, by recipe.
Predict = Callable[[Floats, Labels, Sequence[str], Floats, int], dict[str, Floats]]


@dataclass(frozen=True)
class Task:
    """One fit of a candidate's recipes: the companies to train on and to judge, and the number of columns."""

    protocol: str
    candidate: str
    predict: Predict
    columns: int
    seed: int
    inside: Rows
    outside: Rows


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the figures; with --write, store them and update the docs."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.recipes", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the data file (default: UCI 572, downloaded)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[21, 22], help="seeds of the folds and the fits"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="repeats of 3-fold cross-validation (default: 3)"
    )
    parser.add_argument("--columns", type=int, nargs="*", default=[20, 30, SELECTED, len(RATIOS)])
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=list(ESTIMATORS))
    parser.add_argument("--processes", type=int, default=available_cores())
    parser.add_argument(
        "--write", action="store_true", help="store the figures and update docs/honest-figures.md"
    )
    args = parser.parse_args(argv)
    frame = read_data(real_data(args.data))
    with one_thread():
        results = [with_leak(frame)]
    tasks = list(tasks_of(frame, args.seeds, args.repeats, args.columns, args.estimators))
    measured: dict[tuple[str, str, int, int], list[Figures]] = {}
    running = Parallel(n_jobs=args.processes, return_as="generator")(
        delayed(measure)(frame, task) for task in tasks
    )
    for number, (task, figures) in enumerate(zip(tasks, running, strict=True), start=1):
        for recipe, figure in figures.items():
            key = (task.protocol, recipe, task.columns, task.seed)
            measured.setdefault(key, []).append(figure)
        log(f"{number} of {len(tasks)} fits: {task.protocol}, {task.candidate}, {task.columns} columns")
    results += [Result(*key, figures) for key, figures in measured.items()]
    log(results_table(results))
    if args.write:
        document = store(QUALITY, {"results": [asdict(result) for result in results]})
        put(PAGE, "make bench-quality", chapter(document))
        PAGE.with_suffix(".svg").write_text(draw(document) + "\n", encoding="utf-8")


def real_data(path: Path | None) -> Path:
    """Return the given or downloaded data file; exit if only sample data is available."""
    try:
        source = resolve(path)
    except DataError as error:
        sys.exit(str(error))
    if source.is_sample:
        sys.exit(
            f"Comparable figures need the real data, but this is {source.description}.\n"
            "Download data set 572, Taiwanese Bankruptcy Prediction, from UCI's Machine Learning Repository "
            "(https://archive.ics.uci.edu/dataset/572) and give its CSV file: make bench-quality DATA=path"
        )
    return source.path


def tasks_of(
    frame: pd.DataFrame,
    seeds: Sequence[int],
    repeats: int,
    columns: Sequence[int],
    estimators: Sequence[str],
) -> Iterator[Task]:
    """Yield the fits to make: by order of the rows, and for each fold of each seed's cross-validation."""
    recommended = Recommended(estimators)
    cut = round(EARLIER * len(frame))
    rows = np.arange(len(frame))
    for protocol, inside, outside in (
        ("later rows by earlier", rows[:cut], rows[cut:]),
        ("earlier rows by later", rows[-cut:], rows[:-cut]),
    ):
        yield Task(protocol, "baseline", predict_baseline, SELECTED, seeds[0], inside, outside)
        yield Task(protocol, "recommended", recommended, SELECTED, seeds[0], inside, outside)
    for seed in seeds:
        folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=repeats, random_state=seed)
        for inside, outside in folds.split(frame, target(frame)):
            protocol = "cross-validation"
            yield Task(protocol, "baseline", predict_baseline, SELECTED, seed, inside, outside)
            for count in columns:
                yield Task(protocol, "recommended", recommended, count, seed, inside, outside)


def measure(frame: pd.DataFrame, task: Task) -> dict[str, Figures]:
    """Fit and calibrate a task's recipes on its training companies, and judge the others."""
    train, test = frame.iloc[task.inside], frame.iloc[task.outside]
    with warnings.catch_warnings(), one_thread():
        # Some networks stop after few epochs by design.
        warnings.simplefilter("ignore", ConvergenceWarning)
        names = select(train, task.columns, task.seed)[task.candidate]["features"]
        X, y = values(train, names), target(train)
        predicted = task.predict(X, y, names, values(test, names), task.seed)
        calibration = calibrate(X, y, names, task.predict, task.seed)
    return {
        recipe: figures(target(test), calibration[recipe].apply(logit)) for recipe, logit in predicted.items()
    }


def calibrate(
    X: Floats, y: Labels, names: Sequence[str], predict: Predict, seed: int
) -> Mapping[str, Calibration]:
    """Fit each recipe's calibration to out-of-fold predictions of the training companies."""
    logits: dict[str, Floats] = {}
    folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=seed)
    for inside, outside in folds.split(X, y):
        for recipe, logit in predict(X[inside], y[inside], names, X[outside], seed).items():
            logits.setdefault(recipe, np.empty(len(y)))[outside] = logit
    return {recipe: fit_calibration(logit, y) for recipe, logit in logits.items()}


def figures(y: Labels, probability: Floats) -> Figures:
    """Return the figures of one fit."""
    return {
        "ROC-AUC": roc_auc(y, probability),
        "PR-AUC": average_precision(y, probability),
        "Brier": brier_score(y, probability),
        "ECE": expected_calibration_error(y, probability),
        "recall at 5 % FPR": recall_at(y, probability, 0.05),
    }


class Recommended:
    """Fits estimators by name; fits each member of the blend once, whose logits it averages."""

    def __init__(self, estimators: Sequence[str]) -> None:
        self.estimators = estimators

    def __call__(
        self, X: Floats, y: Labels, names: Sequence[str], judged: Floats, seed: int
    ) -> dict[str, Floats]:
        """Return the logits of the companies to judge, by estimator."""
        members = [name for name, _ in ESTIMATORS["blend"](names, seed)["blend"].members]
        needed = set(self.estimators) | (set(members) if "blend" in self.estimators else set())
        found = {
            name: _fit(name, X, y, names, judged, seed) for name in ESTIMATORS if name in needed - {"blend"}
        }
        if "blend" in self.estimators:
            found["blend"] = np.mean([found[name] for name in members], axis=0)
        return {name: found[name] for name in self.estimators}


def _fit(name: str, X: Floats, y: Labels, names: Sequence[str], judged: Floats, seed: int) -> Floats:
    return pipeline_logit(ESTIMATORS[name](names, seed).fit(X, y), judged)


def predict_baseline(
    X: Floats, y: Labels, names: Sequence[str], judged: Floats, seed: int
) -> dict[str, Floats]:
    """Fit the baseline recipe and return its logits for the companies to judge."""
    del names
    return {"baseline": pipeline_logit(fit_baseline(X, y, seed), judged)}


def with_leak(frame: pd.DataFrame) -> Result:
    """Return the figures of the published protocol, which has one split.

    It selects columns and resamples before it splits. So some of its test companies are synthetic, and the
    real ones have synthetic neighbours among the training companies.
    """
    X, y = values(frame, RATIOS), target(frame)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", UserWarning)  # One column is constant.
        X = SelectKBest(f_classif, k=SELECTED).fit_transform(X, y)
    X, y = resample("smote-tomek", X, y, 42)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", baseline_network(42))]).fit(X_train, y_train)
    probability = UNCALIBRATED.apply(pipeline_logit(pipeline, X_test))
    protocol = f"published protocol, which leaks ({len(X):,} rows after resampling)"
    return Result(protocol, "baseline", SELECTED, 42, [figures(y_test, probability)])


if __name__ == "__main__":
    main()
