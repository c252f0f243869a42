"""Tables that stay readable on a phone: rows become cards, or columns scroll behind the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steps.report.markup import Child, Markup, element


@dataclass(frozen=True)
class Row:
    """A row: its name and its cells, which are numbers unless they are drawings."""

    name: str
    cells: Sequence[Child]


def table(
    headings: Sequence[str], rows: Sequence[Row], caption: str | None = None, kind: str = "cards"
) -> Markup:
    """Return a table.

    Parameters
    ----------
    headings
        The first is that of the rows' names; a column with an empty one holds drawings.
    rows
        As many cells each as there are headings after the first.
    caption
        What it shows.
    kind
        What happens where it is too narrow: "cards" or "scroll".
    """
    head = [
        element("th", heading, scope="col", class_="number" if at and heading else None)
        for at, heading in enumerate(headings)
    ]
    body = [
        element(
            "tr",
            element("th", row.name, scope="row", class_="name"),
            [
                element("td", cell, class_="number" if heading else "drawn", data_label=heading or None)
                for heading, cell in zip(headings[1:], row.cells, strict=True)
            ],
        )
        for row in rows
    ]
    return element(
        "div",
        element(
            "table",
            element("caption", caption) if caption else None,
            element("thead", element("tr", head)),
            element("tbody", body),
        ),
        class_=kind,
    )
