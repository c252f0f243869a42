"""Writes the table of docs/scale.md, and the curves of time and memory in docs/scale.svg."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.figures import DOCS, Document, load
from benchmarks.common.pages import put, table
from scripts.data.sample import ROWS
from steps.report.markup import Markup, element
from steps.report.plot import HEIGHT, WIDTH, Axis, Plot

PAGE = DOCS / "scale.md"
# The steps of an execution with default parameters, and the CSS class of each.
DRAWN = {
    ("SelectFeatures", ""): "of-select",
    ("Resample", ""): "of-resample",
    ("TrainBaseline", "mlp"): "of-baseline",
    ("TrainRecommended", "blend"): "of-recommended",
    ("Evaluate", "blend"): "of-evaluate",
}
_LEGEND_HEIGHT = 34
_MEBIBYTES = (128, 512, 2048, 8192)
_STYLE = """
svg { font-family: system-ui, sans-serif; --ink: #1b2430; --muted: #5b6675; --grid: #e3e7ed;
  --select: #2456c9; --resample: #0e8a7d; --baseline: #b36206; --recommended: #c2334a; --evaluate: #7a4bc2; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6eaf0; --muted: #9aa7b8; --grid: #303b4a; --select: #7ea8ff; --resample: #4fd1c1;
    --baseline: #f0a94e; --recommended: #ff7d8f; --evaluate: #b795f0; }
}
.grid { stroke: var(--grid); }
.tick, .axis, .legend { font-size: 12.5px; fill: var(--muted); }
.legend { fill: var(--ink); }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.of-select { stroke: var(--select); } .dot.of-select { fill: var(--select); }
.of-resample { stroke: var(--resample); } .dot.of-resample { fill: var(--resample); }
.of-baseline { stroke: var(--baseline); } .dot.of-baseline { fill: var(--baseline); }
.of-recommended { stroke: var(--recommended); } .dot.of-recommended { fill: var(--recommended); }
.of-evaluate { stroke: var(--evaluate); } .dot.of-evaluate { fill: var(--evaluate); }
"""


def write(results: Path, page: Path) -> None:
    """Write the table into the page and the curves beside it."""
    document = load(results)
    put(page, "make bench-scale", chapter(document))
    page.with_suffix(".svg").write_text(curves(document) + "\n", encoding="utf-8")


def chapter(document: Document) -> str:
    """Return the date, machine and table of stored measurements."""
    days = sorted({entry["measured"] for entry in document["steps"]})
    data = document["data"].capitalize()
    head = f"{data}, {' to '.join(days[:1] + days[1:][-1:])}, {document['machine']}."
    return f"{head}\n\n{_steps_table(document['steps'])}"


def _steps_table(entries: list[dict[str, Any]]) -> str:
    """Return a Markdown table with a row for each step.

    The last column says by which factor CPU time grew for each tenfold of rows, between the smallest and
    the largest measurement: 10 means linear growth, 100 quadratic.
    """
    steps: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for entry in entries:
        steps.setdefault((entry["step"], entry["estimator"]), {})[entry["factor"]] = entry
    factors = sorted({entry["factor"] for entry in entries})
    rows = [["step", *(f"{factor}× ({factor * ROWS:,} rows)" for factor in factors), "growth"]]
    for (step, estimator), by_factor in steps.items():
        cells = [_cell(by_factor.get(factor)) for factor in factors]
        rows.append([f"{step}, {estimator}" if estimator else step, *cells, _growth(by_factor)])
    totals = [_total(steps, factor) for factor in factors]
    return table([*rows, ["**one after the other, blend**", *totals, ""]])


def _total(steps: Mapping[tuple[str, str], Mapping[int, Mapping[str, Any]]], factor: int) -> str:
    drawn = [steps[step][factor] for step in DRAWN if factor in steps.get(step, {})]
    if len(drawn) < len(DRAWN) or any(entry["failed"] for entry in drawn):
        return ""
    seconds = sum(entry["seconds"] for entry in drawn)
    return f"**{seconds / 60:.1f} min**, {max(entry['peak_mib'] for entry in drawn):,} MiB"


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    if entry["failed"]:
        return "failed"
    return f"{entry['seconds']:,.0f} s, {entry['cpu_seconds']:,.0f} s, {entry['peak_mib']:,} MiB"


def _growth(measured: Mapping[int, Mapping[str, Any]]) -> str:
    first, last = min(measured), max(measured)
    if first == last:
        return ""
    grown = measured[last]["cpu_seconds"] / measured[first]["cpu_seconds"]
    return f"{grown ** (1 / math.log10(last / first)):.1f}"


def curves(document: Document) -> Markup:
    """Return an SVG of two plots, seconds and MiB by rows, both axes logarithmic."""
    seconds = _plot(document, "seconds", "seconds", (1, 10, 60, 600), ("1 s", "10 s", "1 min", "10 min"))
    memory = _plot(document, "peak_mib", "most memory, MiB", _MEBIBYTES, [f"{size:,}" for size in _MEBIBYTES])
    legend, x = [], 70
    for (step, estimator), class_ in DRAWN.items():
        name = f"{step}, {estimator}" if estimator else step
        legend += [
            element("line", x1=x, x2=x + 22, y1=14, y2=14, class_=f"line {class_}"),
            element("text", name, x=x + 28, y=18, class_="legend"),
        ]
        x += 50 + 7 * len(name)
    return element(
        "svg",
        element("title", "Seconds and memory of each step at 1, 10 and 100 times the rows"),
        Markup(f"<style>{_STYLE}</style>"),
        legend,
        *(
            element("svg", plot.render(), x=x, y=_LEGEND_HEIGHT, width=WIDTH, height=HEIGHT)
            for plot, x in ((seconds, 0), (memory, WIDTH + 20))
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {2 * WIDTH + 20} {HEIGHT + _LEGEND_HEIGHT}",
    )


def _plot(document: Document, key: str, label: str, ticks: Sequence[float], names: Sequence[str]) -> Plot:
    entries = [entry for entry in document["steps"] if (entry["step"], entry["estimator"]) in DRAWN]
    factors = sorted({entry["factor"] for entry in entries})
    rows = Axis(
        "companies",
        ROWS * factors[0] * 0.8,
        ROWS * factors[-1] * 1.25,
        [(ROWS * factor, f"{ROWS * factor:,}") for factor in factors],
        math.log,
    )
    plot = Plot(label, rows, Axis(label, ticks[0], ticks[-1], list(zip(ticks, names, strict=True)), math.log))
    for (step, estimator), class_ in DRAWN.items():
        of_step = sorted(
            (entry["rows"], entry[key])
            for entry in entries
            if (entry["step"], entry["estimator"]) == (step, estimator)
        )
        if not of_step:
            continue
        x, y = np.array(of_step, dtype=np.float64).T
        plot.line(x, y, class_)
        for rows_at, value in of_step:
            plot.dot(rows_at, value, class_, f"{step}: {value:,.0f}", radius=3.5)
    return plot
