"""Measures serving, from forward pass to endpoint: ``python -m benchmarks.serving``, or `make bench-serving`.

Fits every family once and compares what is served with scikit-learn's own predict_proba, side by side on one
thread; shows where the time of one request goes; starts a worker; and loads a local endpoint of the blend.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.markdown import Markdown

from benchmarks.batch import local_aws
from benchmarks.pages import put
from benchmarks.serving_endpoint import endpoint, load, start_worker
from benchmarks.serving_forward import (
    Compared,
    Family,
    compare,
    fitted,
    largest_difference,
    parts_of_a_request,
)
from benchmarks.serving_tables import chapter
from scripts.data.source import DataError, resolve
from scripts.terminal.console import console
from steps.dataset.reader import read_data
from steps.export.files import pack_model
from steps.frames import target, values
from steps.job import one_thread
from steps.select_features import select

RESULTS = Path(__file__).with_name("results") / "serving.json"
DOCS = Path(__file__).parents[1] / "docs" / "serving.md"
FEATURES = 50
ROWS = (1, 100, 1_000, 100_000)
CLIENTS = (1, 8, 32)
SERVED = "blend"


@dataclass(frozen=True)
class Measured:
    """What was measured of one family.

    Attributes
    ----------
    largest_difference
        Between the probabilities served and scikit-learn's.
    kilobytes
        Of model.tar.gz without the audit file.
    request
        Seconds that the parts of answering one company take in the handlers.
    """

    compared: list[Compared]
    largest_difference: float
    kilobytes: int
    request: dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, store, print and write the documentation's tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving", description=__doc__)
    parser.add_argument("--data", type=Path, help="data file; default: as `bankruptcy demo` finds it")
    parser.add_argument(
        "--rows", type=int, nargs="*", default=ROWS, help="rows at once (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of load for each number of clients")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path, default=DOCS, help="page that shows the figures")
    args = parser.parse_args(argv)
    try:
        source = resolve(args.data)
    except DataError as error:
        sys.exit(str(error))
    console().print(f"Serving, measured on {source.description}", soft_wrap=True)
    frame = read_data(source.path)
    names = select(frame, FEATURES, 0)["recommended"]["features"]
    X, y = values(frame, names), target(frame)
    measured: dict[str, Measured] = {}
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
    document = {
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": "sample data" if source.is_sample else "UCI 572",
        "served": SERVED,
        "families": {name: asdict(of_family) for name, of_family in measured.items()},
        "worker": asdict(worker),
        "endpoint": [asdict(one) for one in loads],
    }
    args.results.parent.mkdir(parents=True, exist_ok=True)
    args.results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    put(args.docs, "bench-serving", chapter(document))
    console().print(Markdown(chapter(document)))


def measure(family: Family, X: np.ndarray, counts: Sequence[int]) -> Measured:
    """Return what is measured of a family inside this process; leaves its model.tar.gz beside its folder."""
    (family.folder / "model.joblib").unlink()
    archive = family.folder.with_suffix(".tar.gz")
    pack_model(family.folder, archive)
    return Measured(
        list(compare(family, X, counts)),
        largest_difference(family, X),
        archive.stat().st_size // 1024,
        parts_of_a_request(family, X[:1]),
    )


if __name__ == "__main__":
    main()
