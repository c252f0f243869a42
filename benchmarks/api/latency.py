"""Measures the REST API on local AWS, and where each millisecond goes: `make bench-api`.

Trains a model on sample data (once), serves it on a local AWS in a separate process, and measures: one
company, a thousand companies, one company by eight clients at once, and files by `bankruptcy predict`. One
file is larger than the other, which shows whether memory grows with the input.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import urllib3

from benchmarks.api.tables import CLIENTS, PredictedFile, chapter, show
from benchmarks.common import figures
from benchmarks.common.cloud import BANKRUPTCY, local_aws, register
from benchmarks.common.models import handler_seconds, served_contract, trained_archive, unpacked_model
from benchmarks.common.pages import put
from benchmarks.common.processes import children, cpu_seconds, peak_mib
from benchmarks.common.sample import sample_rows, write_sample
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import deploy
from scripts.deploy.waiting import Waiting
from scripts.model.approval import wait_until_served
from scripts.predict.client import client_of
from steps.job import one_thread

RESULTS = figures.RESULTS / "api.json"
PAGE = figures.DOCS / "api.md"
PROJECT = "bench-api"
LOAD_SECONDS = 10.0
WARM_UP = 10
REPEATS = {1: 500, 1000: 50}
_DURATION = re.compile(r"REPORT .*?\tDuration: ([\d.]+) ms")


@dataclass(frozen=True)
class Request:
    """Milliseconds of one request to /predict, as the client, the Lambda runtime and the function saw it."""

    total_ms: float
    invocation_ms: float
    function_ms: float
    endpoint_ms: float


class Api:
    """Sends requests to the deployed API, and directly to the endpoint behind it."""

    def __init__(self, aws: Aws) -> None:
        client = client_of(aws)
        self._aws = aws
        self._headers = {"Content-Type": "application/json", "x-api-key": client.key or ""}
        self._url = f"{client.url}/predict"
        endpoint = f"/endpoints/{aws.project.endpoint}/invocations"
        self._endpoint_url = os.environ["AWS_ENDPOINT_URL"] + endpoint

    def warm_up(self, body: bytes) -> None:
        """Send some requests and wait until they are in the log."""
        call = self.caller()
        for _ in range(WARM_UP):
            call(body)
        time.sleep(2)

    def caller(self) -> Callable[[bytes], float]:
        """Return a function with its own connection that sends a body and returns the milliseconds taken."""
        return _caller(self._url, self._headers)

    def endpoint_caller(self) -> Callable[[bytes], float]:
        """Return the same for the endpoint, without the SDK."""
        return _caller(self._endpoint_url, {"Content-Type": "application/json"})

    def requests(self, body: bytes, rows: int) -> list[Request]:
        """Send requests one after the other and return the times of each from the logs."""
        call = self.caller()
        since = int(time.time() * 1000)
        totals = [call(body) for _ in range(REPEATS[rows])]
        return [
            Request(total, *logged) for total, logged in zip(totals, self._logged(since, rows), strict=True)
        ]

    def _logged(self, since: int, rows: int) -> list[tuple[float, float, float]]:
        """Return the milliseconds of invocation, function and endpoint for each request."""
        deadline = time.monotonic() + 30
        while True:
            found: list[tuple[float, float, float]] = []
            facts: dict[str, Any] = {}
            for message in self._messages(since):
                if message.startswith("{"):
                    line = json.loads(message)
                    facts = line if line.get("message") == "request" else facts
                elif (report := _DURATION.match(message)) and facts.get("rows") == rows:
                    found.append((float(report.group(1)), facts["latency_ms"], facts["endpoint_ms"]))
                    facts = {}
            if len(found) == REPEATS[rows]:
                return found
            if time.monotonic() > deadline:
                sys.exit(f"The log holds only {len(found)} of {REPEATS[rows]} requests.")
            time.sleep(0.5)

    def _messages(self, since: int) -> list[str]:
        pages = (
            self._aws.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{self._aws.project.predict_function}", startTime=since)
        )
        return [event["message"] for page in pages for event in page["events"]]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and store the figures, and update docs/api.md."""
    parser = figures.model_parser("benchmarks.api.latency", __doc__)
    parser.add_argument("--lines", type=int, nargs=2, default=[25_000, 100_000])
    args = parser.parse_args(argv)
    archive = trained_archive(args.folder, args.estimator)
    model = unpacked_model(archive)
    rows = sample_rows(model.contract.names, max(REPEATS)).tolist()
    bodies = {count: json.dumps({"instances": rows[:count]}).encode() for count in REPEATS}
    load_before = os.getloadavg()[0]

    with local_aws() as server:
        aws = connect(PROJECT)
        deploy(aws, confirm=lambda _: True)
        register(aws, archive, served_contract(model), "application/json")
        wait_until_served(aws, 1, Waiting(timeout=120))
        api = Api(aws)
        requests: dict[int, list[Request]] = {}
        cpu_ms: dict[int, dict[str, float]] = {}
        for count, body in bodies.items():
            api.warm_up(body)
            before = cpu_by_process(server)
            requests[count] = api.requests(body, count)
            cpu_ms[count] = _since(before, server, 1000 / REPEATS[count])
        direct = {count: _repeat(api.endpoint_caller(), body, count) for count, body in bodies.items()}
        per_second = load(api, bodies[1])
        files = [
            predict_file(server, write_sample(args.folder / f"portfolio-{lines}.csv", lines, ids=True), lines)
            for lines in args.lines
        ]
        server_mib = peak_mib(server)

    with one_thread():
        breakdown = {
            count: _breakdown(requests[count], direct[count], handler_costs(model, body.decode()))
            for count, body in bodies.items()
        }
    totals = {count: [request.total_ms for request in each] for count, each in requests.items()}
    measured = {
        "one company, p50": median(totals[1]),
        "one company, p99": quantiles(totals[1], n=100)[98],
        "1,000 companies, p50": median(totals[1000]),
        f"requests with {CLIENTS} clients": per_second,
        f"CSV of {files[-1].lines:,} lines": files[-1].seconds,
        f"peak memory, {files[-1].lines:,} to {files[0].lines:,} lines": files[-1].peak_mib
        / files[0].peak_mib,
    }
    document = figures.store(
        RESULTS,
        {
            "load_before": round(load_before, 2),
            "data": "sample data",
            "estimator": args.estimator,
            "figures": {name: round(value, 2) for name, value in measured.items()},
            "milliseconds_of_a_request": breakdown,
            "cpu_milliseconds_of_a_request": cpu_ms,
            "files": [asdict(file) for file in files],
            "local_aws_peak_mib": server_mib,
        },
    )
    show(
        measured,
        {"milliseconds of a request, medians": breakdown, "CPU milliseconds of a request": cpu_ms},
        files,
    )
    put(PAGE, "make bench-api", chapter(document))


def load(api: Api, body: bytes) -> float:
    """Return the answered requests per second of all clients, each sending as fast as it can."""
    counts = [0] * CLIENTS
    calls = [api.caller() for _ in range(CLIENTS)]
    for call in calls:  # opens each connection
        call(body)
    start_line = threading.Barrier(CLIENTS + 1)
    seconds = [0.0] * CLIENTS

    def send(number: int) -> None:
        start_line.wait()
        start = time.perf_counter()
        for measured in (False, True):
            start = time.perf_counter()
            while time.perf_counter() - start < (LOAD_SECONDS if measured else 2.0):
                calls[number](body)
                counts[number] += measured
        seconds[number] = time.perf_counter() - start

    threads = [threading.Thread(target=send, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    start_line.wait()
    for thread in threads:
        thread.join()
    return sum(count / taken for count, taken in zip(counts, seconds, strict=True))


def predict_file(server: int, path: Path, lines: int) -> PredictedFile:
    """Run `bankruptcy predict` on a file, in a separate process."""
    answers = path.with_suffix(".answers.csv")
    command = [*BANKRUPTCY, "predict", str(path), "--output", str(answers), "--project", PROJECT]
    before = cpu_by_process(server)
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=figures.ROOT)
    # Sampled during the run, because wait4 also counts the process that the child was forked from.
    peak, client_seconds = 0, 0.0
    while process.poll() is None:
        peak, client_seconds = max(peak, peak_mib(process.pid)), cpu_seconds(process.pid)
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    with answers.open(encoding="utf-8") as file:
        written = sum(1 for _ in file) - 1
    if process.returncode != 0 or written != lines:
        sys.exit(
            f"bankruptcy predict wrote {written:,} of {lines:,} lines and exited with {process.returncode}."
        )
    return PredictedFile(
        lines, round(seconds, 2), {**_since(before, server, 1), "client": round(client_seconds, 2)}, peak
    )


def cpu_by_process(server: int) -> dict[str, float]:
    """Return the CPU seconds of each process so far; other work on the machine hardly changes them."""
    found = {
        "client": time.process_time(),
        "local AWS": cpu_seconds(server),
        "function": 0.0,
        "container": 0.0,
    }
    for pid in children(server):
        command = Path(f"/proc/{pid}/cmdline").read_text()
        for part, program in (("function", "awslambdaric"), ("container", "model_server")):
            found[part] += cpu_seconds(pid) if program in command else 0.0
    return found


def _since(before: Mapping[str, float], server: int, factor: float) -> dict[str, float]:
    return {
        part: round((seconds - before[part]) * factor, 2) for part, seconds in cpu_by_process(server).items()
    }


def handler_costs(model: Any, body: str) -> dict[str, float]:
    """Return the milliseconds of each container handler, measured in this process."""
    taken = handler_seconds(model, body, "application/json", time.perf_counter, rounds=30)
    return {name: seconds * 1000 for name, seconds in taken.items()}


def _breakdown(
    requests: Sequence[Request], direct: Sequence[float], handlers: Mapping[str, float]
) -> dict[str, float]:
    """Return the median milliseconds of each layer, from the client to the model."""
    endpoint = median(direct)
    layers = {
        "client, HTTP, gateway": median(each.total_ms - each.invocation_ms for each in requests),
        "Lambda runtime, Powertools": median(each.invocation_ms - each.function_ms for each in requests),
        "function: read, check, log, answer": median(
            each.function_ms - each.endpoint_ms for each in requests
        ),
        "function: SDK call of the endpoint": median(each.endpoint_ms for each in requests) - endpoint,
        "endpoint: HTTP, front, container": endpoint - sum(handlers.values()),
        "endpoint: read JSON (input_fn)": handlers["input_fn"],
        "endpoint: check, model (predict_fn)": handlers["predict_fn"],
        "endpoint: write JSON (output_fn)": handlers["output_fn"],
    }
    return {name: round(value, 2) for name, value in layers.items()}


def _caller(url: str, headers: Mapping[str, str]) -> Callable[[bytes], float]:
    pool = urllib3.PoolManager(retries=False, timeout=60)

    def call(body: bytes) -> float:
        started = time.perf_counter()
        answer = pool.request("POST", url, body=body, headers=dict(headers))
        taken = (time.perf_counter() - started) * 1000
        if answer.status != 200:
            sys.exit(f"{url} answered {answer.status}: {answer.data.decode(errors='replace')[:500]}")
        return taken

    return call


def _repeat(call: Callable[[bytes], float], body: bytes, rows: int) -> list[float]:
    for _ in range(5):
        call(body)
    return [call(body) for _ in range(REPEATS[rows])]


if __name__ == "__main__":
    main()
