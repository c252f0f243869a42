"""Measures how fast the log of predictions is summarized, and in how much memory: `make bench-monitor`."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from benchmarks.common.processes import peak_mib
from benchmarks.common.profiles import training_profile
from benchmarks.common.sample import sample_rows
from steps.dataset.columns import RATIOS
from steps.job import log
from steps.monitoring.log import Left, Window, read_log
from steps.monitoring.summary import Summary

RESULTS = figures.RESULTS / "monitor.json"
PAGE = figures.DOCS / "monitoring.md"
COMMAND = "make bench-monitor"
COLUMNS = 50
TRAINING = 5_000
# The predictions that a core must read in a second, with and without the companies' numbers.
LEAST = {"full": 20_000, "scores": 100_000}
LEVELS = {"low": 0.0, "high": 0.2}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, store the figures, and update docs/monitoring.md; exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale.monitoring", description=__doc__)
    parser.add_argument("--predictions", type=int, nargs=2, default=[50_000, 400_000])
    args = parser.parse_args(argv)
    runs = []
    with TemporaryDirectory() as folder:
        for content in LEAST:
            for count in args.predictions:
                path = Path(folder) / content / str(count)
                write_log(path, count, content)
                # A process of its own, so that its peak of memory is its own.
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    runs.append(pool.submit(summarize, path, content, count).result())
                log(str(runs[-1]))
    document = figures.store(RESULTS, {"data": "sample data", "runs": runs})
    put(PAGE, COMMAND, chapter(document))
    missed = [run for run in runs if run["per_cpu_second"] < LEAST[run["content"]]]
    if missed:
        sys.exit(f"Slower than {LEAST}: {missed}")


def companies(count: int) -> tuple[Any, Any]:
    """Return companies and made-up probabilities for them."""
    rows = sample_rows(RATIOS[:COLUMNS], count)
    return rows, (rows[:, 0] % 1.0) ** 3


def write_log(folder: Path, count: int, content: str) -> None:
    """Write a log as Firehose does, in files of 50,000 predictions."""
    folder.mkdir(parents=True)
    rows, probability = companies(min(count, 50_000))
    for number in range(max(count // len(rows), 1)):
        with gzip.open(folder / f"{number}.gz", "wb", compresslevel=6) as file:
            for index, (row, p) in enumerate(zip(rows.tolist(), probability.tolist(), strict=True)):
                line = {
                    "prediction_id": f"5e1f0c9a-0000-4000-{number:04}-{index:012}-0",
                    "timestamp": "2026-03-04T12:00:00.123Z",
                    "source": "api",
                    "version": "1",
                    "contract": "c" * 16,
                    "prediction": int(p >= 0.2),
                    "probability": p,
                    "risk_level": "high" if p >= 0.2 else "low",
                    **({"features": row} if content == "full" else {}),
                }
                file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def summarize(folder: Path, content: str, count: int) -> dict[str, Any]:
    """Summarize a log in this process."""
    # The profile of the first companies.
    profile = training_profile(RATIOS[:COLUMNS], *companies(TRAINING), LEVELS)
    started = time.process_time()
    summary = Summary(profile)
    for batch in read_log(folder, {profile.version: profile}, Window(), Left()):
        summary.add(batch)
    taken = time.process_time() - started
    return {
        "content": content,
        "predictions": summary.predictions,
        "per_cpu_second": round(count / taken),
        "peak_mib": peak_mib(os.getpid()),
    }


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/monitoring.md shows them."""
    rows = [["log", "predictions", "per second and core", "target", "peak memory"]]
    rows += [
        [
            run["content"],
            f"{run['predictions']:,}",
            f"{run['per_cpu_second']:,}",
            f"≥ {LEAST[run['content']]:,}",
            f"{run['peak_mib']} MiB",
        ]
        for run in document["runs"]
    ]
    return f"{figures.source_line(document, COMMAND)}\n\n{table(rows, '---:')}"


if __name__ == "__main__":
    main()
