"""Measures serving, from forward pass to endpoint: ``python -m benchmarks.serving``, or `make bench-serving`.

Fits every family once and compares what is served with scikit-learn's own predict_proba, side by side on one
thread; shows where the time of one request goes; starts a worker; and loads a local endpoint of the blend.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.batch import local_aws
from benchmarks.serving_endpoint import Load, Worker, endpoint, load, start_worker
from benchmarks.serving_forward import (
    Compared,
    Family,
    compare,
    fitted,
    largest_difference,
    parts_of_a_request,
)
from scripts.console import console
from scripts.data import resolve
from steps.data import read_data, target, values
from steps.export import pack_model
from steps.job import one_thread
from steps.select_features import select

RESULTS = Path(__file__).with_name("results") / "serving.json"
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
    """Measure, print and store."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving", description=__doc__)
    parser.add_argument("--data", type=Path, help="data file; default: as `bankruptcy demo` finds it")
    parser.add_argument(
        "--rows", type=int, nargs="*", default=ROWS, help="rows at once (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of load for each number of clients")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    source = resolve(args.data)
    document: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": "sample data" if source.is_sample else "UCI 572",
    }
    console().print(f"Serving measured on {document['data']}: {document['machine']}")
    frame = read_data(source.path)
    names = select(frame, FEATURES, 0)["recommended"]["features"]
    X, y = values(frame, names), target(frame)
    measured: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        with one_thread():
            for family in fitted(X, y, names, Path(folder)):
                measured[family.name] = measure(family, X, args.rows)
                console().print(f"  {family.name}", style="dim")
        console().print(forward_table(measured, args.rows))
        served = Path(folder) / SERVED
        body = json.dumps({"data": X[0].tolist()}).encode()
        worker = start_worker(served, body)
        with local_aws() as server, endpoint(served.with_suffix(".tar.gz")) as url:
            loads = [load(url, server, body, clients, args.seconds) for clients in CLIENTS]
    console().print(request_table(measured[SERVED].request, worker, loads[0]), load_table(loads))
    console().print(
        f"Worker of the {SERVED}: ready in {worker.ready_seconds:.2f} s, {worker.resident_mib} MiB resident; "
        f"model.tar.gz {measured[SERVED].kilobytes:,} kB without the audit file"
    )
    document["families"] = {name: asdict(of_family) for name, of_family in measured.items()}
    document["worker"] = asdict(worker)
    document["endpoint"] = [asdict(one) for one in loads]
    args.results.parent.mkdir(parents=True, exist_ok=True)
    args.results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


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


def forward_table(measured: dict[str, Measured], counts: Sequence[int]) -> Table:
    """Return the table of what predicting takes, and how many times as fast as scikit-learn that is."""
    table = Table(
        "family", title="predict_proba, one thread; in brackets how many times as fast as scikit-learn"
    )
    for count in counts:
        table.add_column(f"{count:,} row{'s' * (count > 1)}", justify="right")
    table.add_column("largest difference", justify="right")
    for name, of_family in measured.items():
        cells = [f"{_duration(one.seconds)} ({one.ratio:.1f}x)" for one in of_family.compared]
        table.add_row(name, *cells, f"{of_family.largest_difference:.0e}")
    return table


def request_table(request: dict[str, float], worker: Worker, alone: Load) -> Table:
    """Return the table of where the time of one request goes, from the inside out."""
    table = Table("what", title=f"where the time of one request goes: one company, {SERVED}, one client")
    table.add_column("takes", justify="right")
    table.add_column("adds", justify="right")
    inside = 0.0
    for name, seconds in {
        "the forward pass": request["predict_proba"],
        "with reading JSON, checking it and writing the answer": request["whole"],
        "with HTTP, in the worker": worker.alone_seconds,
        "with the endpoint in front of it": alone.p50_ms / 1e3,
    }.items():
        table.add_row(name, _duration(seconds), _duration(seconds - inside))
        inside = seconds
    return table


def load_table(loads: Sequence[Load]) -> Table:
    """Return the table of what clients get that ask as fast as they are answered."""
    table = Table(title=f"local endpoint, one company a request, {SERVED}")
    for column in ("clients", "requests/s", "p50", "p99", "CPU of the endpoint", "CPU of the worker"):
        table.add_column(column, justify="right")
    for one in loads:
        times = (one.p50_ms / 1e3, one.p99_ms / 1e3, one.front_cpu_us / 1e6, one.worker_cpu_us / 1e6)
        table.add_row(str(one.clients), f"{one.requests_per_second:,.0f}", *map(_duration, times))
    return table


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.1f} s"


if __name__ == "__main__":
    main()
