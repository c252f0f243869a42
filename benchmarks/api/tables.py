"""Shows the figures of the API benchmark beside their targets, in the terminal and in docs/api.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.common.figures import Document, source_line
from benchmarks.common.pages import table as markdown_table

CLIENTS = 8
TARGETS = {
    "one company, p50": (12.0, "ms"),
    "1,000 companies, p50": (60.0, "ms"),
    f"requests with {CLIENTS} clients": (150.0, "/s"),
    "CSV of 100,000 lines": (20.0, "s"),
    "peak memory, 100,000 to 25,000 lines": (1.15, "×"),
}
AT_LEAST = {"/s"}


@dataclass(frozen=True)
class PredictedFile:
    """Figures of `bankruptcy predict` on a CSV file."""

    lines: int
    seconds: float
    cpu_seconds: dict[str, float]
    peak_mib: int


def show(
    figures: Mapping[str, float],
    breakdowns: Mapping[str, Mapping[int, Mapping[str, float]]],
    files: Sequence[PredictedFile],
) -> None:
    """Print figures beside their targets, and the time of a request by layer."""
    out = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    for heading in ("measured", "target", ""):
        table.add_column(heading, justify="right")
    for name, value in figures.items():
        target, unit = TARGETS.get(name, (None, "ms"))
        reached = target is not None and (value >= target if unit in AT_LEAST else value <= target)
        mark = "" if target is None else "[green]✓[/]" if reached else "[red]✗[/]"
        table.add_row(name, _with_unit(value, unit), "" if target is None else _limit(target, unit), mark)
    out.print(table)
    for title, breakdown in breakdowns.items():
        out.print()
        out.print(_layers(title, breakdown))
    out.print()
    for file in files:
        rate = file.lines / file.seconds
        out.print(
            f"bankruptcy predict, {file.lines:,} lines: {file.seconds:.1f} s, {rate:,.0f} a second, "
            f"{file.peak_mib} MiB at most; CPU seconds: {file.cpu_seconds}"
        )


def chapter(document: Document) -> str:
    """Return the stored figures as docs/api.md shows them."""
    rows = [["figure", "measured", "target"]]
    for name, value in document["figures"].items():
        target, unit = TARGETS.get(name, (None, "ms"))
        rows.append([name, _with_unit(value, unit), "" if target is None else _limit(target, unit)])
    layers = document["milliseconds_of_a_request"]
    by_layer = [["milliseconds of a request, medians", "1 company", "1,000 companies"]]
    by_layer += [[layer, *(f"{each[layer]:.2f}" for each in layers.values())] for layer in layers["1"]]
    return "\n\n".join(
        [
            f"{source_line(document, 'make bench-api')} "
            "Client, gateway, function and endpoint share the cores.",
            markdown_table(rows, "---:"),
            markdown_table(by_layer, "---:"),
        ]
    )


def _with_unit(value: float, unit: str) -> str:
    return f"{value:,.{2 if unit == '×' else 1}f} {unit}"


def _limit(target: float, unit: str) -> str:
    return f"{'≥' if unit in AT_LEAST else '≤'} {target:g} {unit}"


def _layers(title: str, breakdown: Mapping[int, Mapping[str, float]]) -> Table:
    """Return a table with a row for each layer and its share of the whole."""
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    for count in breakdown:
        table.add_column(f"{count:,} companies" if count > 1 else "1 company", justify="right")
        table.add_column("", justify="right")
    sums = {count: sum(each.values()) for count, each in breakdown.items()}
    for name in next(iter(breakdown.values())):
        cells = []
        for count, each in breakdown.items():
            cells += [f"{each[name]:.2f}", f"[dim]{each[name] / sums[count]:.0%}[/]"]
        table.add_row(name, *cells)
    table.add_row("[bold]sum[/]", *(cell for each in sums.values() for cell in (f"[bold]{each:.2f}[/]", "")))
    return table
