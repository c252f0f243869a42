"""Infers the firms of the real file again, and shows the evidence: `make firms`.

Exits with 1 if the result is not the stored one (`scripts/data/uci_firms.csv.gz`). Stores the evidence and
writes it into docs/firms-in-uci-572.md, with a plot of the links.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common.figures import DOCS, RESULTS, Document, source_line, store
from benchmarks.common.pages import put, table
from benchmarks.quality.recipes import real_data
from scripts.data.firms import evidence, firm_ids, stored_firm_ids
from steps.dataset.columns import FIRM_ID
from steps.dataset.reader import read_data
from steps.report.markup import Markup, element

FIRMS = RESULTS / "firms.json"
PAGE = DOCS / "firms-in-uci-572.md"

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 300, 56, 44, 12
LONGEST = 220
STYLE = """
svg { font-family: system-ui, sans-serif; --ink: #2456c9; --muted: #5b6675; --grid: #e3e7ed; }
@media (prefers-color-scheme: dark) { svg { --ink: #7ea8ff; --muted: #9aa7b8; --grid: #303b4a; } }
.grid { stroke: var(--grid); } .tick { font-size: 12.5px; fill: var(--muted); }
.links { stroke: var(--ink); stroke-width: 1.6; stroke-linecap: round; }
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Infer the firms, compare them with the stored ones, and write the page."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.firms", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the data file (default: UCI 572, downloaded)")
    companies = read_data(real_data(parser.parse_args(argv).data))
    firms, facts = evidence(companies.drop(columns=FIRM_ID))
    if firm_ids(firms) != stored_firm_ids():
        sys.exit(
            "The inferred firms are not those in scripts/data/uci_firms.csv.gz.\n"
            "If the method was changed on purpose, run: python -m scripts.data.firms PATH"
        )
    document = store(FIRMS, {"data": "UCI 572", "evidence": facts})
    put(PAGE, "make firms", chapter(document))
    PAGE.with_suffix(".svg").write_text(draw(document) + "\n", encoding="utf-8")


def chapter(document: Document) -> str:
    """Return the stored evidence as docs/firms-in-uci-572.md shows it."""
    rows = [["", ""], *([label, fact] for label, fact in document["evidence"].items())]
    return f"{source_line(document, 'make firms')}\n\n{table(rows)}"


def draw(_document: Document) -> Markup:
    """Return an SVG with a dot for each link: the row, and how far below it the firm's next row is."""
    ids = stored_firm_ids()
    number = np.unique(ids, return_inverse=True)[1]
    order = np.lexsort((np.arange(len(ids)), number))
    earlier, later = order[:-1], order[1:]
    linked = number[earlier] == number[later]
    rows, distances = earlier[linked], (later - earlier)[linked]
    spots = sorted({(_x(row, len(ids)), _y(distance)) for row, distance in zip(rows, distances, strict=True)})
    ticks: list[Markup] = []
    for distance in range(0, LONGEST, 50):
        y = _y(distance)
        ticks += [
            element("line", x1=LEFT, x2=WIDTH, y1=y, y2=y, class_="grid"),
            element("text", str(distance), x=LEFT - 8, y=y + 4, text_anchor="end", class_="tick"),
        ]
    ticks += [
        element("text", f"{row:,}", x=_x(row, len(ids)), y=HEIGHT - 24, text_anchor="middle", class_="tick")
        for row in range(0, len(ids), 1000)
    ]
    return element(
        "svg",
        element("title", "How far below each row the next row of its firm is"),
        Markup(f"<style>{STYLE}</style>"),
        ticks,
        element("path", d="".join(f"M{x} {y}h0" for x, y in spots), class_="links"),
        element(
            "text",
            "row of the file; upwards: rows to the next row of the same firm",
            x=(LEFT + WIDTH) / 2,
            y=HEIGHT - 4,
            text_anchor="middle",
            class_="tick",
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )


def _x(row: int, rows: int) -> int:
    return round(LEFT + row / rows * (WIDTH - LEFT - 8))


def _y(distance: int) -> int:
    return round(HEIGHT - BOTTOM - distance / LONGEST * (HEIGHT - BOTTOM - TOP))


if __name__ == "__main__":
    main()
