"""Measures how well each recipe ranks companies: `make bench-quality`.

Three protocols (`benchmarks.quality.protocols`) score each part of the companies with a model fitted to the
other parts: random rows, firms apart, blocks apart. Everything (columns, quantiles, resampling) is fitted on
the other parts alone. The published protocol, with its leak, is measured for comparison.

With `--write` the figures go to benchmarks/results/quality.json, docs/honest-figures.md and its plot.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.common.figures import DOCS, RESULTS, store
from benchmarks.common.models import fit_baseline
from benchmarks.common.pages import put
from benchmarks.quality.plot import draw
from benchmarks.quality.protocols import Protocol, blocks_apart, figures, protocols
from benchmarks.quality.table import MINUS_RANDOM, Result, chapter, results_table
from scripts.data.data_file import DataError
from scripts.data.source import resolve
from steps.dataset.columns import RATIOS
from steps.dataset.reader import read_data
from steps.estimators.recipes import ESTIMATORS
from steps.frames import target, values
from steps.job import available_cores, log, one_thread
from steps.measures.calibration import Calibration, fit_calibration
from steps.measures.intervals import metric_intervals, roc_auc_difference
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import calibration_noise_floor
from steps.resample import resample
from steps.select_features import select
from steps.split import firm_hashes
from steps.train_baseline import baseline_network

QUALITY = RESULTS / "quality.json"
PAGE = DOCS / "honest-figures.md"

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Rows = NDArray[np.intp]

SELECTED = 50
# Parts for random rows and for firms apart: as many as there are blocks in the first layout.
FOLDS = 10
# Intervals resample this many blocks of the file, since rows of one industry are alike.
CLUSTERS = 20
# The figures that have intervals, and their names in `metric_intervals`.
INTERVALS = {"ROC-AUC": "roc_auc", "PR-AUC": "pr_auc", "Brier": "brier"}
UNCALIBRATED = Calibration(slope=1.0, intercept=0.0)

# Protocol, recipe, number of columns, seed.
Key = tuple[str, str, int, int]
# Takes training companies, their labels, the columns' names, companies to judge, and a seed. Returns the
# logits of the companies to judge, by recipe.
Predict = Callable[[Floats, Labels, Sequence[str], Floats, int], dict[str, Floats]]


@dataclass(frozen=True)
class Task:
    """The fits on all companies outside one part: the recommended recipes with each number of columns."""

    protocol: Protocol
    recommended: Predict
    columns: Sequence[int]
    seed: int
    inside: Rows
    outside: Rows


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the figures; with --write, store them and update the docs."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.recipes", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the data file (default: UCI 572, downloaded)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1009, 2017], help="seeds of the parts and the fits"
    )
    parser.add_argument(
        "--columns",
        type=int,
        nargs="*",
        default=[20, 30, SELECTED, len(RATIOS)],
        help=f"numbers of columns to try on random rows; other protocols use {SELECTED}",
    )
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=list(ESTIMATORS))
    parser.add_argument("--processes", type=int, default=available_cores())
    parser.add_argument(
        "--write", action="store_true", help="store the figures and update docs/honest-figures.md"
    )
    args = parser.parse_args(argv)
    frame = read_data(real_data(args.data))
    y, firm = target(frame), firm_numbers(frame)
    with one_thread():
        results = [with_leak(frame)]
    tasks = list(tasks_of(y, firm, args.seeds, args.columns, args.estimators))
    logits: dict[Key, Floats] = {}
    running = Parallel(n_jobs=args.processes, return_as="generator")(
        delayed(predict)(frame, task) for task in tasks
    )
    for number, (task, predicted) in enumerate(zip(tasks, running, strict=True), start=1):
        for (recipe, columns), logit in predicted.items():
            key = (task.protocol.name, recipe, columns, task.seed)
            logits.setdefault(key, np.full(len(y), np.nan))[task.outside] = logit
        log(f"{number} of {len(tasks)} parts: {task.protocol.name}")
    cluster = blocks_apart(firm, CLUSTERS)
    for seed in args.seeds:
        known = {protocol.name: protocol for protocol in protocols(y, firm, FOLDS, seed)}
        of_seed = {key: logit for key, logit in logits.items() if key[3] == seed}
        # One sigmoid for all parts: it keeps the ranking between them.
        probability = {key: fit_calibration(logit, y).apply(logit) for key, logit in of_seed.items()}
        for key, judged in probability.items():
            random = probability["random rows", *key[1:]]
            results.append(judge(key, judged, random, known[key[0]].block, y, cluster))
    log(results_table(results))
    if args.write:
        document = store(
            QUALITY,
            {"data": f"UCI 572, seeds {args.seeds}", "results": [asdict(result) for result in results]},
        )
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


def firm_numbers(frame: pd.DataFrame) -> Rows:
    """Return the number of each company's firm, shape (n,)."""
    numbers: Rows = np.unique(firm_hashes(frame), return_inverse=True)[1]
    return numbers


def tasks_of(
    y: Labels, firm: Rows, seeds: Sequence[int], columns: Sequence[int], estimators: Sequence[str]
) -> Iterator[Task]:
    """Yield the fits to make, for each part of each protocol."""
    recommended = Recommended(estimators)
    for seed in seeds:
        for protocol in protocols(y, firm, FOLDS, seed):
            counts = columns if protocol.name == "random rows" else [SELECTED]
            for inside, outside in protocol.folds():
                yield Task(protocol, recommended, counts, seed, inside, outside)


def predict(frame: pd.DataFrame, task: Task) -> dict[tuple[str, int], Floats]:
    """Fit a task's recipes; return the logits of the held-out companies by recipe and number of columns."""
    train, test = frame.iloc[task.inside], frame.iloc[task.outside]
    y = target(train)
    found: dict[tuple[str, int], Floats] = {}
    with warnings.catch_warnings(), one_thread():
        # Some networks stop after few epochs by design.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for columns in task.columns:
            selected = select(train, columns, task.seed)
            recipes = {"recommended": task.recommended}
            if columns == SELECTED:
                recipes["baseline"] = predict_baseline
            for candidate, fit_and_predict in recipes.items():
                names = selected[candidate]["features"]
                logits = fit_and_predict(values(train, names), y, names, values(test, names), task.seed)
                found |= {(recipe, columns): logit for recipe, logit in logits.items()}
    return found


def judge(key: Key, probability: Floats, random: Floats, block: Rows, y: Labels, cluster: Rows) -> Result:
    """Return the figures of a recipe.

    Parameters
    ----------
    key
        The protocol, recipe, number of columns and seed.
    probability, random
        Probabilities of fits without the company's part: with this protocol, and with random rows.
    block
        The blocks for the figures within blocks.
    y
        The labels.
    cluster
        The blocks that are resampled for the intervals.
    """
    seed = key[3]
    resampled = metric_intervals(y, probability, cluster, seed)
    intervals = {name: resampled[metric] for name, metric in INTERVALS.items()}
    intervals[MINUS_RANDOM] = roc_auc_difference(y, probability, random, cluster, seed)
    found = {
        **figures(y, probability, block),
        "ECE noise floor": calibration_noise_floor(probability, seed),
        MINUS_RANDOM: intervals[MINUS_RANDOM].value,
    }
    return Result(*key, found, {name: (item.low, item.high) for name, item in intervals.items()})


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
    everyone = np.zeros(len(y_test), dtype=np.intp)
    return Result(protocol, "baseline", SELECTED, 42, figures(y_test, probability, everyone), {})


if __name__ == "__main__":
    main()
