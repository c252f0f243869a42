"""Draws the main figures of the quality benchmark as an SVG for docs/honest-figures.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.figures import Document
from benchmarks.quality.table import Result, of_way
from steps.report.markup import Markup, element

# Label, start of the protocol's name, recipe
BARS = (
    ("Baseline, resampled before the split", "published protocol", "baseline"),
    ("Baseline, split first: random rows", "random rows", "baseline"),
    ("Blend (our default): random rows", "random rows", "blend"),
    ("Blend: firms apart", "firms apart", "blend"),
    ("Blend: blocks apart", "blocks apart", "blend"),
)
COLUMNS = 50
# An interval below LOW would run into its label.
LOW, HIGH = 0.8, 1.0
WIDTH, LEFT, RIGHT = 760, 270, 30
TOP, ROW = 16, 44
STYLE = """
svg { font-family: system-ui, sans-serif; --ink: #1b2430; --muted: #5b6675; --grid: #e3e7ed;
  --leak: #c2334a; --honest: #2456c9; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6eaf0; --muted: #9aa7b8; --grid: #303b4a; --leak: #ff7d8f; --honest: #7ea8ff; }
}
.grid { stroke: var(--grid); } .tick { font-size: 12.5px; fill: var(--muted); }
.name { font-size: 14px; fill: var(--ink); } .value { font-size: 12.5px; fill: var(--ink); }
.bar { stroke-width: 2.5; } .leak { stroke: var(--leak); fill: var(--leak); }
.honest { stroke: var(--honest); fill: var(--honest); }
"""


def draw(document: Document) -> Markup:
    """Return an SVG of ROC-AUC by recipe and way to judge, with its interval as a bar."""
    bottom = TOP + ROW * len(BARS)
    ticks = [
        (
            element("line", x1=_x(value), x2=_x(value), y1=TOP, y2=bottom, class_="grid"),
            element("text", f"{value:.2f}", x=_x(value), y=bottom + 18, text_anchor="middle", class_="tick"),
        )
        for value in np.arange(LOW, HIGH + 0.001, 0.04)
    ]
    return element(
        "svg",
        element("title", "ROC-AUC with and without the leak"),
        Markup(f"<style>{STYLE}</style>"),
        ticks,
        [_bar(document, position) for position in range(len(BARS))],
        element(
            "text",
            "ROC-AUC; bars show 95 % intervals, for which blocks of the file are resampled",
            x=_x((LOW + HIGH) / 2),
            y=bottom + 38,
            text_anchor="middle",
            class_="tick",
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {bottom + 48}",
    )


def _bar(document: Document, position: int) -> Sequence[Markup]:
    label, way, recipe = BARS[position]
    chosen = of_way([Result(**result) for result in document["results"]], way, recipe, COLUMNS)
    if not chosen:
        return []
    value = float(np.mean([result.figures["ROC-AUC"] for result in chosen]))
    bounds = [result.intervals["ROC-AUC"] for result in chosen if result.intervals]
    low, high = np.mean(bounds, axis=0) if bounds else (value, value)
    y = TOP + ROW * position + ROW / 2
    class_ = "honest" if bounds else "leak"
    text = f"{value:.3f} ({low:.3f} to {high:.3f})" if bounds else f"{value:.3f} (one split)"
    return [
        element("text", label, x=LEFT - 14, y=y + 5, text_anchor="end", class_="name"),
        element("line", x1=_x(low), x2=_x(high), y1=y, y2=y, class_=f"bar {class_}"),
        element("circle", cx=_x(value), cy=y, r=5, class_=class_),
        element("text", text, x=min(_x(value), WIDTH - 80), y=y - 11, text_anchor="middle", class_="value"),
    ]


def _x(value: float) -> float:
    return round(LEFT + (value - LOW) / (HIGH - LOW) * (WIDTH - LEFT - RIGHT), 1)
