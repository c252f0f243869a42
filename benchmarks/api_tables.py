"""The tables that `benchmarks.api` prints: figures beside their targets, and what a request takes where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

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
class File:
    """`bankruptcy predict` of a CSV file."""

    lines: int
    seconds: float
    cpu_seconds: dict[str, float]
    peak_mib: int


def show(
    figures: Mapping[str, float],
    breakdowns: Mapping[str, Mapping[int, Mapping[str, float]]],
    files: Sequence[File],
) -> None:
    """Print figures beside their targets, and what a request takes where."""
    out = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    for heading in ("measured", "target", ""):
        table.add_column(heading, justify="right")
    for name, value in figures.items():
        target, unit = TARGETS.get(name, (None, "ms"))
        reached = target is not None and (value >= target if unit in AT_LEAST else value <= target)
        mark = "" if target is None else "[green]✓[/]" if reached else "[red]✗[/]"
        sign = "≥" if unit in AT_LEAST else "≤"
        digits = 2 if unit == "×" else 1
        table.add_row(
            name, f"{value:,.{digits}f} {unit}", f"{sign} {target:g} {unit}" if target else "", mark
        )
    out.print(table)
    for title, breakdown in breakdowns.items():
        out.print()
        out.print(_layers(title, breakdown))
    out.print()
    for file in files:
        rate = file.lines / file.seconds
        out.print(
            f"bankruptcy predict, {file.lines:,} lines: {file.seconds:.1f} s, {rate:,.0f} a second, "
            f"{file.peak_mib} MiB at most; seconds of computing: {file.cpu_seconds}"
        )


def _layers(title: str, breakdown: Mapping[int, Mapping[str, float]]) -> Table:
    """Return a row for each layer, with its share of the whole."""
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
