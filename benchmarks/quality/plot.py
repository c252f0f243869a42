"""Draws the main figures of the quality benchmark as an SVG for docs/honest-figures.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.figures import Document
from steps.report.markup import Markup, element

# Label, start of the protocol's name, recipe, number of columns
BARS = (
    ("Baseline, resampled before the split", "published protocol", "baseline", 50),
    ("Baseline, split first", "cross-validation", "baseline", 50),
    ("Logistic regression, split first", "cross-validation", "logistic", 50),
    ("Blend (our default), split first", "cross-validation", "blend", 50),
)
LOW, HIGH = 0.84, 1.0
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
    """Return an SVG of ROC-AUC by recipe: the mean of the fits, and a bar of ± one standard deviation."""
    bottom = TOP + ROW * len(BARS)
    ticks = [
        (
            element("line", x1=_x(value), x2=_x(value), y1=TOP, y2=bottom, class_="grid"),
            element("text", f"{value:.2f}", x=_x(value), y=bottom + 18, text_anchor="middle", class_="tick"),
        )
        for value in np.arange(LOW, HIGH + 0.001, 0.02)
    ]
    return element(
        "svg",
        element("title", "ROC-AUC with and without the leak"),
        Markup(f"<style>{STYLE}</style>"),
        ticks,
        [_bar(document, position) for position in range(len(BARS))],
        element(
            "text",
            "ROC-AUC; bars show ± one standard deviation of single fits",
            x=_x((LOW + HIGH) / 2),
            y=bottom + 38,
            text_anchor="middle",
            class_="tick",
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {bottom + 48}",
    )


def roc_aucs(document: Document, protocol: str, recipe: str, columns: int) -> list[float]:
    """Return the ROC-AUC of every fit of a recipe."""
    return [
        figures["ROC-AUC"]
        for result in document["results"]
        if result["protocol"].startswith(protocol)
        and (result["recipe"], result["columns"]) == (recipe, columns)
        for figures in result["figures"]
    ]


def _bar(document: Document, position: int) -> Sequence[Markup]:
    label, protocol, recipe, columns = BARS[position]
    fits = roc_aucs(document, protocol, recipe, columns)
    mean, spread = float(np.mean(fits)), float(np.std(fits, ddof=1)) if len(fits) > 1 else 0.0
    y = TOP + ROW * position + ROW / 2
    class_ = "leak" if protocol != "cross-validation" else "honest"
    value = f"{mean:.3f} ± {spread:.3f}" if spread else f"{mean:.3f} (one split)"
    return [
        element("text", label, x=LEFT - 14, y=y + 5, text_anchor="end", class_="name"),
        element("line", x1=_x(mean - spread), x2=_x(mean + spread), y1=y, y2=y, class_=f"bar {class_}"),
        element("circle", cx=_x(mean), cy=y, r=5, class_=class_),
        element("text", value, x=min(_x(mean), WIDTH - 80), y=y - 11, text_anchor="middle", class_="value"),
    ]


def _x(value: float) -> float:
    return round(LEFT + (value - LOW) / (HIGH - LOW) * (WIDTH - LEFT - RIGHT), 1)
