"""Measures how ranking improves with the number of companies: `python -m benchmarks.scale.learning_curve`.

Fits every estimator on growing samples of the training companies of ten times the sample data, which `make
bench-scale` keeps, and judges each fit on the same test companies. This is the evidence for how many
companies each member of an ensemble has to see.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import figures
from benchmarks.common.models import fit_baseline
from benchmarks.common.pages import put, table
from steps.estimators.recipes import ESTIMATORS
from steps.features import feature_names
from steps.frames import read_frame, target, values
from steps.job import log, one_thread
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import average_precision, roc_auc

RESULTS = figures.RESULTS / "learning_curve.json"
PAGE = figures.DOCS / "scale.md"
COMMAND = "python -m benchmarks.scale.learning_curve"
SEED = 42


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, store the figures and update docs/scale.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale.learning_curve", description=__doc__)
    parser.add_argument("--folder", type=Path, default=figures.BUILD / "scale" / "10")
    known = ["baseline", *ESTIMATORS]
    parser.add_argument("--estimators", nargs="*", choices=known, default=known)
    parser.add_argument("--companies", type=int, nargs="*", default=[2_500, 5_000, 10_000, 25_000, 50_000])
    args = parser.parse_args(argv)
    names, X, y = shuffled_companies(args.folder, "recommended")
    test = read_frame(args.folder / "test", "test.parquet", names)
    fits: list[dict[str, Any]] = []
    for estimator in args.estimators:
        for companies in args.companies:
            started = time.process_time()
            with one_thread():
                if estimator == "baseline":
                    pipeline = fit_baseline(X[:companies], y[:companies], SEED)
                else:
                    pipeline = ESTIMATORS[estimator](names, SEED).fit(X[:companies], y[:companies])
                seconds = time.process_time() - started
                logit = pipeline_logit(pipeline, values(test, names))
            fits.append(
                {
                    "estimator": estimator,
                    "companies": len(y[:companies]),
                    "roc_auc": round(roc_auc(target(test), logit), 4),
                    "pr_auc": round(average_precision(target(test), logit), 3),
                    "cpu_seconds": round(seconds, 1),
                }
            )
            log(str(fits[-1]))
    document = figures.store(RESULTS, {"data": "sample data", "test_companies": len(test), "fits": fits})
    put(PAGE, COMMAND, chapter(document))


def shuffled_companies(folder: Path, candidate: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names, values and labels of a candidate's training companies.

    They are in random order, so that the first ones hold both classes in their shares.
    """
    names = feature_names(folder / "features", candidate)
    train = read_frame(folder / "train", "train.parquet", names)
    order = np.random.default_rng(0).permutation(len(train))
    return names, values(train, names)[order], target(train)[order]


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/scale.md shows them."""
    rows = [["estimator", "companies", "ROC-AUC", "PR-AUC", "CPU seconds"]]
    rows += [
        [
            fit["estimator"],
            f"{fit['companies']:,}",
            f"{fit['roc_auc']:.4f}",
            f"{fit['pr_auc']:.3f}",
            f"{fit['cpu_seconds']:.1f}",
        ]
        for fit in document["fits"]
    ]
    return f"{figures.source_line(document, COMMAND)}\n\n{table(rows)}"


if __name__ == "__main__":
    main()
