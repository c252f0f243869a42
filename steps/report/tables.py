"""Tables that stay readable on a phone: rows turn into cards, or the columns scroll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steps.report.markup import Child, Markup, element


@dataclass(frozen=True)
class Row:
    """A table row: its name, and its cells with numbers or drawings."""

    name: str
    cells: Sequence[Child]


def table(
    headings: Sequence[str],
    rows: Sequence[Row],
    caption: str | None = None,
    kind: str = "cards",
    text: Sequence[str] = (),
) -> Markup:
    """Return a table.

    Parameters
    ----------
    headings
        The first is the heading of the rows' names. A column with an empty heading holds drawings.
    rows
        Each with one cell for every heading after the first.
    caption
        The table's caption.
    kind
        The layout on narrow screens: "cards" or "scroll".
    text
        The headings of the columns that hold text instead of numbers.
    """

    def kind_of(heading: str) -> str | None:
        return ("text" if heading in text else "number") if heading else None

    head = [
        element("th", heading, scope="col", class_=kind_of(heading) if index else None)
        for index, heading in enumerate(headings)
    ]
    body = [
        element(
            "tr",
            element("th", row.name, scope="row", class_="name"),
            [
                element("td", cell, class_=kind_of(heading) or "drawn", data_label=heading or None)
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
