"""The part of a page of the documentation that a benchmark writes, between two marks."""

from __future__ import annotations

from pathlib import Path

_END = "<!-- end -->"


def put(page: Path, target: str, text: str) -> None:
    """Put what `make <target>` found between its marks, in place of what stands there.

    Raises
    ------
    ValueError
        When the page has no such marks.
    """
    begin = f"<!-- written by make {target} -->"
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(_END)
    if not (opened and closed):
        raise ValueError(f"{page} lacks {begin} and {_END}; put them where the figures belong.")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{_END}{after}", encoding="utf-8")
