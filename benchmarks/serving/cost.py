"""Measures serving, from forward pass to endpoint: `make bench-serving`.

Fits every family once and compares the served form with scikit-learn's own predict_proba, side by side on
one thread. Then splits one request into its parts, starts a worker, and puts load on a local endpoint of
the blend.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.markdown import Markdown

from benchmarks.common import figures
from benchmarks.common.cloud import local_aws
from benchmarks.common.pages import put
from benchmarks.serving.endpoint import endpoint, load, start_worker
from benchmarks.serving.forward import (
    Compared,
    Family,
    compare,
    fitted,
    largest_difference,
    parts_of_a_request,
)
from benchmarks.serving.tables import chapter
from scripts.data.data_file import DataError
from scripts.data.source import resolve
from scripts.terminal.console import console
from steps.dataset.reader import read_data
from steps.export.archive import pack_model
from steps.frames import target, values
from steps.job import one_thread
from steps.select_features import select

RESULTS = figures.RESULTS / "serving.json"
PAGE = figures.DOCS / "serving.md"
FEATURES = 50
ROWS = (1, 100, 1_000, 100_000)
CLIENTS = (1, 8, 32)
SERVED = "blend"


@dataclass(frozen=True)
class MeasuredFamily:
    """The figures of one family.

    Attributes
    ----------
    largest_difference
        Between the served probabilities and scikit-learn's.
    kilobytes
        Size of model.tar.gz without the audit file.
    request
        Seconds of each part of a request for one company, inside the handlers.
    """

    compared: list[Compared]
    largest_difference: float
    kilobytes: int
    request: dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and store the figures, and update docs/serving.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving.cost", description=__doc__)
    parser.add_argument("--data", type=Path, help="data file (default: the one that `bankruptcy demo` uses)")
    parser.add_argument(
        "--rows", type=int, nargs="*", default=ROWS, help="batch sizes in rows (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each load (default: 5)")
    args = parser.parse_args(argv)
    try:
        source = resolve(args.data)
    except DataError as error:
        sys.exit(str(error))
    console().print(f"Serving, measured on {source.description}", soft_wrap=True)
    frame = read_data(source.path)
    names = select(frame, FEATURES, 0)["recommended"]["features"]
    X, y = values(frame, names), target(frame)
    measured: dict[str, MeasuredFamily] = {}
    with tempfile.TemporaryDirectory() as folder:
        with one_thread():
            for family in fitted(X, y, names, Path(folder)):
                measured[family.name] = measure(family, X, args.rows)
                console().print(f"  {family.name}", style="dim")
        served = Path(folder) / SERVED
        body = json.dumps({"data": X[0].tolist()}).encode()
        worker = start_worker(served, body)
        with local_aws() as server, endpoint(served.with_suffix(".tar.gz")) as url:
            loads = [load(url, server, body, clients, args.seconds) for clients in CLIENTS]
    document = figures.store(
        RESULTS,
        {
            "data": "sample data" if source.is_sample else "UCI 572",
            "served": SERVED,
            "families": {name: asdict(family) for name, family in measured.items()},
            "worker": asdict(worker),
            "endpoint": [asdict(one) for one in loads],
        },
    )
    put(PAGE, "make bench-serving", chapter(document))
    console().print(Markdown(chapter(document)))


def measure(family: Family, X: np.ndarray, counts: Sequence[int]) -> MeasuredFamily:
    """Measure a family in this process; write its model.tar.gz next to its folder."""
    (family.folder / "model.joblib").unlink()
    archive = family.folder.with_suffix(".tar.gz")
    pack_model(family.folder, archive)
    return MeasuredFamily(
        list(compare(family, X, counts)),
        largest_difference(family, X),
        archive.stat().st_size // 1024,
        parts_of_a_request(family, X[:1]),
    )


if __name__ == "__main__":
    main()
