"""Measures how well each estimator tells bankrupt companies apart: ``python -m benchmarks.quality DATA``.

Prints a Markdown table of 3-fold cross-validation, repeated three times, with everything (columns chosen,
quantiles, resampling) fitted on the training folds alone; the published protocol, leak and all; and the
published recipe without the leak. Probabilities are those before calibration.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from steps.calibration import Calibration
from steps.data import read_data, target, values
from steps.estimators.recipes import ESTIMATORS
from steps.job import one_thread, say
from steps.logits import pipeline_logit
from steps.metrics import average_precision, brier_score, expected_calibration_error, recall_at, roc_auc
from steps.resample import resample
from steps.schema import RATIOS
from steps.select_features import select
from steps.train_published import published_network

Floats = NDArray[np.float64]
# From training companies, their labels and their columns' names to a fitted pipeline.
Fit = Callable[[Floats, NDArray[np.int8], Sequence[str]], Pipeline]

SELECTED = 50
FOLDS = 3
UNCALIBRATED = Calibration(slope=1.0, intercept=0.0)
FIGURES = ("ROC-AUC", "PR-AUC", "Brier", "ECE", "recall at 5 % FPR", "fit, s")


@dataclass(frozen=True)
class Entry:
    """A recipe to measure, with the selector and the number of columns that it gets."""

    name: str
    candidate: str
    columns: int
    fit: Fit


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality", description=__doc__)
    parser.add_argument("data", type=Path, help="the data file of UCI 572, as CSV or compressed")
    parser.add_argument("--seed", type=int, default=0, help="draws folds and fits (default: 0)")
    parser.add_argument("--repeats", type=int, default=3, help="of 3-fold cross-validation (default: 3)")
    parser.add_argument("--columns", type=int, nargs="*", default=[SELECTED, len(RATIOS)])
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=list(ESTIMATORS))
    parser.add_argument("--published", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args(argv)
    if not args.data.is_file():
        sys.exit(
            f"{args.data} does not exist. Download data set 572, Taiwanese Bankruptcy Prediction, from the "
            "UCI Machine Learning Repository (https://archive.ics.uci.edu/dataset/572) and give its CSV file."
        )
    # Networks with few epochs on purpose need not converge.
    warnings.simplefilter("ignore", ConvergenceWarning)
    frame = read_data(args.data)
    with one_thread():
        say(f"| recipe | columns | {' | '.join(FIGURES)} |")
        say(f"|---|---{'|---' * len(FIGURES)}|")
        if args.published:
            rows, figures = with_leak(frame)
            say(_line(f"published protocol ({rows:,} rows, leaks)", SELECTED, figures[None]))
        for entry in entries(args.estimators, args.columns, args.seed, published=args.published):
            say(_line(entry.name, entry.columns, cross_validate(frame, entry, args.seed, args.repeats)))


def entries(
    estimators: Sequence[str], columns: Sequence[int], seed: int, *, published: bool
) -> Iterator[Entry]:
    """Yield what is cross-validated."""
    if published:
        yield Entry("published recipe without the leak", "published", SELECTED, partial(_fit_published, seed))
    for name in estimators:
        for count in columns:
            yield Entry(name, "recommended", count, partial(_fit_recommended, name, seed))


def cross_validate(frame: pd.DataFrame, entry: Entry, seed: int, repeats: int) -> Floats:
    """Return the figures of each fold, shape (3 · repeats, figures)."""
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=repeats, random_state=seed)
    figures = []
    for inside, outside in folds.split(frame, target(frame)):
        train, test = frame.iloc[inside], frame.iloc[outside]
        names = select(train, entry.columns, seed)[entry.candidate]["features"]
        started = time.perf_counter()
        pipeline = entry.fit(values(train, names), target(train), names)
        seconds = time.perf_counter() - started
        probability = UNCALIBRATED.apply(pipeline_logit(pipeline, values(test, names)))
        figures.append([*measure(target(test), probability), seconds])
    return np.array(figures)


def measure(y: NDArray[np.int8], probability: Floats) -> list[float]:
    """Return the figures of `FIGURES` but for the time."""
    return [
        roc_auc(y, probability),
        average_precision(y, probability),
        brier_score(y, probability),
        expected_calibration_error(y, probability),
        recall_at(y, probability, 0.05),
    ]


def with_leak(frame: pd.DataFrame) -> tuple[int, Floats]:
    """Return how many rows the published protocol makes, and the figures of its one split.

    It chooses columns and resamples before it splits, so that its test companies are in part synthetic,
    and those that are not have synthetic neighbours among the training companies.
    """
    X, y = values(frame, RATIOS), target(frame)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", UserWarning)  # One column is constant.
        X = SelectKBest(f_classif, k=SELECTED).fit_transform(X, y)
    X, y = resample("smote-tomek", X, y, 42)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)
    started = time.perf_counter()
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", published_network(42))]).fit(X_train, y_train)
    seconds = time.perf_counter() - started
    probability = UNCALIBRATED.apply(pipeline_logit(pipeline, X_test))
    return len(X), np.array([*measure(y_test, probability), seconds])


def _fit_published(seed: int, X: Floats, y: NDArray[np.int8], names: Sequence[str]) -> Pipeline:  # noqa: ARG001
    scaler = StandardScaler().fit(X)
    network = published_network(seed).fit(*resample("smote-tomek", scaler.transform(X), y, seed))
    return Pipeline([("scale", scaler), ("mlp", network)])


def _fit_recommended(
    estimator: str, seed: int, X: Floats, y: NDArray[np.int8], names: Sequence[str]
) -> Pipeline:
    return ESTIMATORS[estimator](names, seed).fit(X, y)


def _line(name: str, columns: int, figures: Floats) -> str:
    means = figures.mean(axis=0)
    spread = figures.std(axis=0, ddof=1) if len(figures) > 1 else None
    digits = [4, 3, 4, 4, 3, 1]
    cells = [
        f"{mean:.{digit}f}" + ("" if spread is None else f" ± {spread[at]:.{digit}f}")
        for at, (mean, digit) in enumerate(zip(means, digits, strict=True))
    ]
    # Where all were asked for, constant and duplicate columns still fall.
    return f"| {name} | {columns if columns < len(RATIOS) else 'all'} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
