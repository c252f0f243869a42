"""Measures what more companies are worth: ``python -m benchmarks.learning_curve`` after ``benchmarks.scale``.

Fits estimators on ever more of the training companies of ten times the sample data, and judges each on the
same test companies: the evidence for how many companies a member of an ensemble has to see.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.scale import SOURCE
from steps.estimators.recipes import ESTIMATORS
from steps.features import feature_names
from steps.frames import read_frame, target, values
from steps.job import log, one_thread
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import average_precision, roc_auc
from steps.resample import resample
from steps.train_baseline import baseline_network

SEED = 42


def main(argv: Sequence[str] | None = None) -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="benchmarks.learning_curve", description=__doc__)
    parser.add_argument("--folder", type=Path, default=SOURCE / "build" / "scale" / "10")
    known = ["baseline", *ESTIMATORS]
    parser.add_argument("--estimators", nargs="*", choices=known, default=known)
    parser.add_argument("--companies", type=int, nargs="*", default=[2_500, 5_000, 10_000, 25_000, 50_000])
    args = parser.parse_args(argv)
    names = feature_names(args.folder / "features", "recommended")
    train = read_frame(args.folder / "train", "train.parquet", names)
    test = read_frame(args.folder / "test", "test.parquet", names)
    X, y = values(train, names), target(train)
    # Of any length the first rows have both classes in their shares: the sample is in random order.
    order = np.random.default_rng(0).permutation(len(y))
    log("| estimator | companies | ROC-AUC | PR-AUC | seconds of computing |")
    log("|---|---|---|---|---|")
    for estimator in args.estimators:
        for companies in args.companies:
            seen = order[:companies]
            started = time.process_time()
            with one_thread():
                pipeline = fitted(estimator, names, X[seen], y[seen])
                seconds = time.process_time() - started
                logit = pipeline_logit(pipeline, values(test, names))
            figures = f"{roc_auc(target(test), logit):.4f} | {average_precision(target(test), logit):.3f}"
            log(f"| {estimator} | {len(seen):,} | {figures} | {seconds:.1f} |")


def fitted(estimator: str, names: Sequence[str], X: NDArray[np.float64], y: NDArray[np.int8]) -> Pipeline:
    """Fit an estimator; the baseline one on companies that are scaled and resampled first."""
    if estimator != "baseline":
        return ESTIMATORS[estimator](names, SEED).fit(X, y)
    scaler = StandardScaler().fit(X)
    network = baseline_network(SEED).fit(*resample("smote-tomek", scaler.transform(X), y, SEED))
    return Pipeline([("scale", scaler), ("mlp", network)])


if __name__ == "__main__":
    main()
