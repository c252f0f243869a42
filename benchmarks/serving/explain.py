"""Measures the cost of explaining a company: `make bench-explain`.

Trains a model on sample data (once), then times one company alternately with and without an explanation, and
a request with the largest number of companies. All times are CPU time, which other load hardly changes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from benchmarks.common import figures
from benchmarks.common.models import trained_archive, unpacked_model
from benchmarks.common.pages import put, table
from benchmarks.common.sample import sample_rows
from inference.explain import MAX_COMPANIES, explain

RESULTS = figures.RESULTS / "explain.json"
PAGE = figures.DOCS / "serving.md"
TARGET_MS = 5.0
TURNS = 200


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
    return f"{figures.source_line(document, 'make bench-explain')}\n\n{table(rows, '---:')}"


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    main()
