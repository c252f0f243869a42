"""Measures what the log of predictions costs a request: `make bench-log`.

Serves a model on a local AWS in a separate process, and sends the same requests with the log switched on and
off in turn. The log's own work is the additional CPU time of the function: it writes the lines, packs them,
signs and sends the call, and reads the answer. Waiting for Firehose does not count, because the wait on
local AWS says nothing about the wait on AWS.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import urllib3

from benchmarks.common import figures
from benchmarks.common.cloud import local_aws, register
from benchmarks.common.models import served_contract, trained_archive, unpacked_model
from benchmarks.common.pages import put, table
from benchmarks.common.processes import children, cpu_seconds
from benchmarks.common.sample import sample_rows
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import deploy
from scripts.deploy.waiting import Waiting
from scripts.model.approval import wait_until_served
from scripts.predict.client import client_of

RESULTS = figures.RESULTS / "prediction_log.json"
PAGE = figures.DOCS / "monitoring.md"
COMMAND = "make bench-log"
PROJECT = "bench-log"
WARM_UP = 10
# By the number of companies in a request: the requests that are measured at a time.
REQUESTS = {1: 150, 1000: 10}
# The median of the log's own work for one company, in milliseconds.
MOST_MS = 1.0


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, store the figures, and update docs/monitoring.md; exit with 1 if the target is missed."""
    parser = figures.model_parser("benchmarks.api.prediction_log", __doc__)
    parser.set_defaults(estimator="logistic")
    parser.add_argument(
        "--rounds", type=int, default=15, help="number of times the log is switched on and off"
    )
    args = parser.parse_args(argv)
    archive = trained_archive(args.folder, args.estimator)
    model = unpacked_model(archive)
    rows = sample_rows(model.contract.names, max(REQUESTS)).tolist()
    load_before = round(os.getloadavg()[0], 2)
    with local_aws() as server:
        aws = connect(PROJECT)
        deploy(aws, confirm=lambda _: True)
        register(aws, archive, served_contract(model), "application/json")
        wait_until_served(aws, 1, Waiting(timeout=120))
        measured = [
            {"companies": count, **differences(aws, server, rows[:count], repeats, args.rounds)}
            for count, repeats in REQUESTS.items()
        ]
    facts = {"data": "sample data", "load_before": load_before, "rounds": args.rounds, "requests": measured}
    document = figures.store(RESULTS, facts)
    text = chapter(document)
    sys.stdout.write(f"{text}\n")
    put(PAGE, COMMAND, text)
    if measured[0]["own_work_ms"] > MOST_MS:
        sys.exit(f"The log's own work for one company is more than {MOST_MS} ms.")


def differences(aws: Aws, server: int, rows: Any, repeats: int, rounds: int) -> dict[str, float]:
    """Return the CPU time and the response time that the log adds to a request: medians, in milliseconds."""
    call = caller(aws, json.dumps({"instances": rows}).encode())
    work, total = [], []
    for _ in range(rounds):
        with_log = measure(aws, server, "full", call, repeats)
        without = measure(aws, server, "off", call, repeats)
        work.append(with_log[0] - without[0])
        total.append(with_log[1] - without[1])
    return {
        "own_work_ms": round(median(work), 2),
        "lowest_ms": round(min(work), 2),
        "highest_ms": round(max(work), 2),
        "total_ms": round(median(total), 2),
    }


def measure(
    aws: Aws, server: int, content: str, call: Callable[[], float], repeats: int
) -> tuple[float, float]:
    """Return the function's CPU time per request and the median response time, in milliseconds."""
    functions, name = aws.client("lambda"), aws.project.predict_function
    present = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**present, "PREDICTION_LOG": content}}
    )
    for _ in range(WARM_UP):
        call()
    before = function_seconds(server)
    taken = [call() for _ in range(repeats)]
    return (function_seconds(server) - before) * 1000 / repeats, median(taken)


def function_seconds(server: int) -> float:
    """Return the CPU seconds that the function predict_api has used."""
    return sum(
        cpu_seconds(pid)
        for pid in children(server)
        if "predict_api" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    )


def caller(aws: Aws, body: bytes) -> Callable[[], float]:
    """Return a function that sends the request and returns the milliseconds taken."""
    client = client_of(aws)
    pool = urllib3.PoolManager(retries=False, timeout=60)
    headers = {"Content-Type": "application/json", "x-api-key": client.key or ""}

    def call() -> float:
        started = time.perf_counter()
        answer = pool.request("POST", f"{client.url}/predict", body=body, headers=headers)
        if answer.status != 200:
            sys.exit(f"The API answered {answer.status}: {answer.data.decode(errors='replace')[:500]}")
        return (time.perf_counter() - started) * 1000

    return call


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/monitoring.md shows them."""
    rows = [["companies in a request", "own work", "target", "lowest to highest", "added response time"]]
    rows += [
        [
            f"{each['companies']:,}",
            f"{each['own_work_ms']:.2f} ms",
            f"≤ {MOST_MS:g} ms" if each["companies"] == 1 else "",
            f"{each['lowest_ms']:.2f} to {each['highest_ms']:.2f} ms",
            f"{each['total_ms']:.2f} ms",
        ]
        for each in document["requests"]
    ]
    busy = (
        f" The machine was busy (load {document['load_before']:g}), which makes all times longer."
        if document["load_before"] > 1
        else ""
    )
    return (
        f"{figures.source_line(document, COMMAND)}{busy} The same requests with `PredictionLog=full` and "
        f"`off` in turn, {document['rounds']} times; medians.\n\n{table(rows, '---:')}\n\n"
        "*Own work*: the additional CPU time of the function. *Added response time*: how much longer the "
        "client waits for its answer on local AWS, which includes waiting for Firehose. On AWS, the call is "
        "also encrypted."
    )


if __name__ == "__main__":
    main()
