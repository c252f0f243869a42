"""Writes the figures of the serving benchmark as Markdown, for the terminal and docs/serving.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.common.figures import Document, source_line
from benchmarks.common.pages import table


def chapter(document: Document) -> str:
    """Return the tables of the stored figures, each with a sentence that explains it."""
    worker, served = document["worker"], document["families"][document["served"]]
    return "\n\n".join(
        [
            source_line(document, "make bench-serving"),
            "`predict_proba` on one thread. In brackets: how many times as fast as scikit-learn, with both "
            "timed alternately. The last column is the largest difference between the two probabilities, on "
            "all companies and on hostile values.",
            table(_forward(document), "---:"),
            f"Where the time of one request goes: one company, {document['served']}, one client.",
            table(_request(served["request"], worker, document["endpoint"][0]), "---:"),
            "The local endpoint. Each client sends its next request, for one company, as soon as it has an "
            "answer; the clients share the cores with the endpoint.",
            table(_load(document["endpoint"]), "---:"),
            f"The worker is ready in {worker['ready_seconds']:.2f} s and holds {worker['resident_mib']} MiB; "
            f"model.tar.gz has {served['kilobytes']:,} kB without the audit file.",
        ]
    )


def _forward(document: Document) -> Iterator[Sequence[str]]:
    counts = [one["rows"] for one in document["families"][document["served"]]["compared"]]
    columns = [f"{count:,} row{'s' * (count > 1)}" for count in counts]
    yield ["family", *columns, "JSON in and out", "difference"]
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
    yield ["", "time", "added"]
    inside = 0.0
    for name, seconds in {
        "the forward pass": request["predict_proba"],
        "… plus reading, checking and writing JSON": request["whole"],
        "… plus HTTP in the worker": worker["alone_seconds"],
        "… plus the endpoint in front of it": alone["p50_ms"] / 1e3,
    }.items():
        yield [name, duration(seconds), duration(seconds - inside)]
        inside = seconds


def _load(loads: Sequence[Mapping[str, float]]) -> Iterator[Sequence[str]]:
    yield ["clients", "requests/s", "p50", "p99", "endpoint CPU per request", "worker CPU per request"]
    for one in loads:
        times = (
            one["p50_ms"] / 1e3,
            one["p99_ms"] / 1e3,
            one["front_cpu_us"] / 1e6,
            one["worker_cpu_us"] / 1e6,
        )
        yield [str(one["clients"]), f"{one['requests_per_second']:,.0f}", *map(duration, times)]


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them: µs, ms or s."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.1f} s"
