"""The serving benchmark's figures as Markdown: what is printed, and what docs/serving.md shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def chapter(document: Mapping[str, Any]) -> str:
    """Return the tables of stored figures, each with a line that says what it shows."""
    worker, served = document["worker"], document["families"][document["served"]]
    return "\n\n".join(
        [
            f"Measured on {document['measured']} by `make bench-serving` on {document['data']} "
            f"({document['machine']}).",
            "`predict_proba` on one thread; in brackets how many times as fast as scikit-learn's own, timed "
            "in turns with it. The difference is the largest between the two probabilities, on all companies "
            "and on hostile values.",
            _table(_forward(document)),
            f"Where the time of one request goes: one company, {document['served']}, one client.",
            _table(_request(served["request"], worker, document["endpoint"][0])),
            "The local endpoint, each client asking for one company as soon as the last one is answered; "
            "clients share the cores with it.",
            _table(_load(document["endpoint"])),
            f"The worker is ready in {worker['ready_seconds']:.2f} s and holds {worker['resident_mib']} MiB; "
            f"model.tar.gz has {served['kilobytes']:,} kB without the audit file.",
        ]
    )


def _forward(document: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    counts = [one["rows"] for one in document["families"][document["served"]]["compared"]]
    columns = [f"{count:,} row{'s' * (count > 1)}" for count in counts]
    yield ["family", *columns, "JSON in and out adds", "difference"]
    for name, family in document["families"].items():
        cells = [
            f"{duration(one['seconds'])} ({one['sklearn_seconds'] / one['seconds']:.1f}×)"
            for one in family["compared"]
        ]
        added = family["request"]["whole"] - family["request"]["predict_proba"]
        yield [name, *cells, duration(added), f"{family['largest_difference']:.0e}"]


def _request(
    request: Mapping[str, float], worker: Mapping[str, float], alone: Mapping[str, float]
) -> Iterator[Sequence[str]]:
    yield ["", "takes", "adds"]
    inside = 0.0
    for name, seconds in {
        "the forward pass": request["predict_proba"],
        "… with reading JSON, checking it and writing the answer": request["whole"],
        "… with HTTP, in the worker": worker["alone_seconds"],
        "… with the endpoint in front of it": alone["p50_ms"] / 1e3,
    }.items():
        yield [name, duration(seconds), duration(seconds - inside)]
        inside = seconds


def _load(loads: Sequence[Mapping[str, float]]) -> Iterator[Sequence[str]]:
    yield ["clients", "requests/s", "p50", "p99", "endpoint's CPU a request", "worker's CPU a request"]
    for one in loads:
        times = (
            one["p50_ms"] / 1e3,
            one["p99_ms"] / 1e3,
            one["front_cpu_us"] / 1e6,
            one["worker_cpu_us"] / 1e6,
        )
        yield [str(one["clients"]), f"{one['requests_per_second']:,.0f}", *map(duration, times)]


def _table(lines: Iterator[Sequence[str]]) -> str:
    head = next(lines)
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def duration(seconds: float) -> str:
    """Return a time as people read it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.1f} s"
