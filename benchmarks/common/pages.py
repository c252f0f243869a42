"""Writes the part of a documentation page that a benchmark generates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

_END = "<!-- end -->"


def put(page: Path, command: str, text: str) -> None:
    """Replace the text between the markers of `command` in a page.

    Raises
    ------
    ValueError
        When the page has no such markers.
    """
    begin = f"<!-- written by {command} -->"
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(_END)
    if not (opened and closed):
        raise ValueError(f"{page} lacks {begin} and {_END}; put them where the figures belong.")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{_END}{after}", encoding="utf-8")


def table(rows: Iterable[Sequence[str]], align: str = "---") -> str:
    """Return a Markdown table whose first row is the heading.

    Parameters
    ----------
    align
        The rule beneath every heading but the first: ``---`` for left, ``---:`` for right.
    """
    head, *body = rows
    rule = ["---", *[align] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))
