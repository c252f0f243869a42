"""Measures how long the console takes for its pages, and how large they are: `make bench-console`.

Makes 200 executions and 50 versions on a local AWS in a separate process. A page is cold when the console has
just started, and warm when it was read in the last two seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import urllib3

from benchmarks.common import figures
from benchmarks.common.cloud import local_aws
from benchmarks.common.pages import put, table
from benchmarks.common.processes import cpu_seconds
from benchmarks.console.history import add_executions, add_versions, make_service, sample
from scripts.aws.session import connect
from scripts.console.server import serving
from scripts.console.site import Commands

RESULTS = figures.RESULTS / "console.json"
PAGE = figures.DOCS / "console.md"
COMMAND = "make bench-console"
PROJECT = "console"
TARGET_MS, TARGET_KB = 150, 60
REPEATS = 7
COMMANDS = Commands(lambda words: f"bankruptcy {words} --local", lambda text: text)


def pages(execution: str, versions: int) -> dict[str, str]:
    """Return the addresses of the pages by name."""
    return {
        "executions": "/executions",
        "executions, page 5": "/executions?page=5",
        "one execution": f"/executions/{execution}",
        "log of a step": f"/executions/{execution}/log/Evaluate",
        "start form": "/executions/start",
        "versions": "/versions",
        "versions, page 3": "/versions?page=3",
        "one version": f"/versions/{versions}",
        "two versions": f"/versions/compare?left=1&right={versions}",
        "try it": "/try",
        "service": "/service",
        "deployments": "/service/deployments",
        "monitoring": "/service/monitoring",
        "outcomes": "/service/outcomes",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, store the figures and update docs/console.md; return 1 if a page misses its target."""
    parser = argparse.ArgumentParser(prog="benchmarks.console.latency", description=__doc__)
    parser.add_argument("--executions", type=int, default=200)
    parser.add_argument("--versions", type=int, default=50)
    args = parser.parse_args(arguments)
    with local_aws() as server:
        aws = connect(PROJECT)
        execution = make_service(aws, sample())
        add_executions(aws, execution, args.executions)
        add_versions(aws, args.versions)
        load_before = os.getloadavg()[0]
        measured = {name: _measure(server, path) for name, path in pages(execution, args.versions).items()}
    document = figures.store(
        RESULTS,
        {
            "load_before": round(load_before, 2),
            "data": "sample data",
            "executions": args.executions,
            "versions": args.versions,
            "pages": measured,
        },
    )
    text = chapter(document)
    put(PAGE, COMMAND, text)
    sys.stdout.write(f"{text}\n")
    return int(any(each["cold_ms"] > TARGET_MS or each["kB"] > TARGET_KB for each in measured.values()))


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/console.md shows them."""
    cells = ("{cold_ms:.0f} ms", "{cold_cpu_ms:.0f} ms", "{warm_ms:.1f} ms", "{kB:.1f} kB")
    found = document["pages"]
    rows = [[name, *(cell.format(**page) for cell in cells)] for name, page in found.items()]
    late = sum(page["cold_ms"] > TARGET_MS for page in found.values())
    return (
        f"{figures.source_line(document, COMMAND)} Medians, with {document['executions']} executions and "
        f"{document['versions']} versions on local AWS. Targets: {TARGET_MS} ms for a page when nothing was "
        f"read before (cold), and {TARGET_KB} kB without a report. {late} of {len(found)} pages are slower. "
        "A warm page was read in the last two seconds. The CPU time for a cold page is that of the console "
        "and of local AWS together.\n\n"
        f"{table([['page', 'cold', 'CPU time', 'warm', 'size'], *rows], '---:')}"
    )


def _measure(server: int, path: str) -> dict[str, float]:
    cold, warm, cpu, size = [], [], [], 0
    for _ in range(REPEATS):
        with _visitor() as get:
            busy = time.process_time() + cpu_seconds(server)
            started = time.perf_counter()
            size = len(get(path))
            cold.append(time.perf_counter() - started)
            cpu.append(time.process_time() + cpu_seconds(server) - busy)
            started = time.perf_counter()
            get(path)
            warm.append(time.perf_counter() - started)
    return {
        "cold_ms": round(median(cold) * 1000, 1),
        "cold_cpu_ms": round(median(cpu) * 1000, 1),
        "warm_ms": round(median(warm) * 1000, 1),
        "kB": round(size / 1000, 1),
    }


@contextmanager
def _visitor() -> Iterator[Any]:
    """Start a console with a connection of its own, and yield a function that reads its pages."""
    console = serving(connect(PROJECT), 0, COMMANDS, read_only=False)
    with console as url, urllib3.PoolManager(retries=False) as pool:
        entered = pool.request("GET", url, redirect=False)
        cookie = entered.headers["Set-Cookie"].partition(";")[0]
        base = url.partition("/enter")[0]

        def get(path: str) -> bytes:
            answer = pool.request("GET", base + path, headers={"Cookie": cookie})
            if answer.status != 200:
                sys.exit(f"{path} answered {answer.status}: {answer.data.decode(errors='replace')[:500]}")
            return answer.data

        yield get


if __name__ == "__main__":
    sys.exit(main())
