"""Measures the cost of explaining a company: `make bench-explain`.

Trains a model on sample data (once), then times one company alternately with and without an explanation, and
a request with the largest number of companies. All times are CPU time, which other load hardly changes. Then
compares the effects with Shapley values, which it estimates from many random orders of the features.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import figures
from benchmarks.common.models import trained_archive, unpacked_model
from benchmarks.common.pages import put, table
from benchmarks.common.sample import sample_rows
from inference.artifact import Model
from inference.explain import FEATURES, MAX_COMPANIES, contributions, explain

Floats = NDArray[np.float64]

RESULTS = figures.RESULTS / "explain.json"
PAGE = figures.DOCS / "serving.md"
TARGET_MS = 5.0
TURNS = 200
COMPARED = 50
# Pairs of a random order and its reverse, for each company.
ORDERS = 100


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and store the figures; exit with 1 if one company takes longer than the target."""
    parser = figures.model_parser("benchmarks.serving.explain", __doc__)
    args = parser.parse_args(argv)
    model = unpacked_model(trained_archive(args.folder, args.estimator))
    X = sample_rows(model.contract.names, MAX_COMPANIES)
    predicted, explained = [], []
    for turn in range(TURNS):
        company = X[turn % len(X)][None]
        predicted.append(_milliseconds(partial(model.predict_proba, company)))
        explained.append(_milliseconds(partial(explain, model, company)))
    many = median(_milliseconds(partial(explain, model, X)) for _ in range(5)) / len(X)
    document = figures.store(
        RESULTS,
        {
            "data": "sample data",
            "estimator": args.estimator,
            "columns": X.shape[1],
            "companies_per_request": len(X),
            "predict_ms": round(median(predicted), 2),
            "explain_ms": round(median(explained), 2),
            "explain_many_ms_per_company": round(many, 2),
            "target_ms": TARGET_MS,
            **compare_with_shapley(model, X[:COMPARED]),
        },
    )
    put(PAGE, "make bench-explain", chapter(document))
    sys.stdout.write(chapter(document) + "\n")
    if document["explain_ms"] > TARGET_MS:
        sys.exit(1)


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/serving.md shows them."""
    rows = [
        [f"{document['estimator']}, {document['columns']} columns", "CPU time per company"],
        ["predict one company", f"{document['predict_ms']} ms"],
        ["explain one company", f"{document['explain_ms']} ms (target: {document['target_ms']:g} ms)"],
        [
            f"explain {document['companies_per_request']} companies in one request",
            f"{document['explain_many_ms_per_company']} ms",
        ],
    ]
    compared = [
        [f"{document['compared']} companies, {document['orders']} pairs of orders each", "effects"],
        ["mean difference from the Shapley values", f"{document['mean_difference']} log-odds"],
        ["largest difference", f"{document['largest_difference']} log-odds"],
        ["mean size of a company's five largest Shapley values", f"{document['mean_of_five']} log-odds"],
        ["of the five largest, listed", f"{document['five_listed']:.1f}"],
        ["of those listed, with the same sign", f"{document['same_sign']:.1%}"],
    ]
    source = figures.source_line(document, "make bench-explain")
    return f"{source}\n\n{table(rows, '---:')}\n\n{table(compared, '---:')}"


def compare_with_shapley(model: Model, X: Floats) -> dict[str, Any]:
    """Return how the effects of companies differ from their Shapley values."""
    effects = np.array([contributions(model, company)[0] for company in X])
    exact = np.array([shapley_values(model, company, ORDERS, seed) for seed, company in enumerate(X)])
    largest, largest_exact = (np.argsort(-np.abs(each), axis=1)[:, :FEATURES] for each in (effects, exact))
    shared = [np.intersect1d(*pair) for pair in zip(largest, largest_exact, strict=True)]
    signs = np.sign(np.take_along_axis(effects, largest, 1)) == np.sign(np.take_along_axis(exact, largest, 1))
    return {
        "compared": len(X),
        "orders": ORDERS,
        "mean_difference": round(float(np.mean(np.abs(effects - exact))), 4),
        "largest_difference": round(float(np.max(np.abs(effects - exact))), 3),
        "mean_of_five": round(float(np.mean(np.abs(np.take_along_axis(exact, largest_exact, 1)))), 3),
        "five_listed": float(np.mean([len(each) for each in shared])),
        "same_sign": float(np.mean(signs)),
    }


def shapley_values(model: Model, company: Floats, pairs: int, seed: int) -> Floats:
    """Return a company's Shapley values, estimated from random orders of the features and their reverses."""
    generator = np.random.default_rng(seed)
    medians = np.array(model.contract.medians)
    total = np.zeros(len(company))
    for _ in range(pairs):
        order = generator.permutation(len(company))
        for each in (order, order[::-1]):
            rank = np.argsort(each)
            # Row i has the company's values of the first i features of the order.
            rows = np.where(rank < np.arange(len(company) + 1)[:, None], company, medians)
            total[each] += np.diff(model.log_odds(rows))
    return total / (2 * pairs)


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    main()
