"""Lays the steps of an execution out as a graph, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.graph import Node

WIDTH, BOX_WIDTH, BOX_HEIGHT, GAP = 460, 210, 56, 34


@dataclass(frozen=True)
class Box:
    """A step's box: its upper left corner in the drawing's units."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """The boxes of the steps, and the lines between them as SVG paths."""

    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    height: int


def draw(nodes: Sequence[Node]) -> Drawing:
    """Return the drawing of a graph whose nodes come after those that they depend on.

    Each node lies one row below the lowest one that it depends on. A line that passes a row has a place in
    it, so that it does not cross a box.
    """
    row: dict[str, int] = {}
    for node in nodes:
        row[node.name] = 1 + max((row[each] for each in node.after), default=-1)
    # The places in each row: a step, or the line that passes it from one step to another.
    rows: list[list[tuple[str, str]]] = [[] for _ in range(max(row.values(), default=-1) + 1)]
    for node in nodes:
        rows[row[node.name]].append((node.name, node.name))
        for before in node.after:
            for passed in range(row[before] + 1, row[node.name]):
                rows[passed].append((before, node.name))
    centre: dict[tuple[str, str, int], float] = {}
    for number, places in enumerate(rows):
        for position, (start, end) in enumerate(places):
            centre[start, end, number] = WIDTH * (2 * position + 1) / (2 * len(places))
    boxes = tuple(
        Box(name, centre[name, name, number] - BOX_WIDTH / 2, _top(number)) for name, number in row.items()
    )
    lines = tuple(_line(before, node.name, row, centre) for node in nodes for before in node.after)
    return Drawing(boxes, lines, _top(len(rows)) - GAP + 2)


def _top(row: int) -> int:
    return 1 + row * (BOX_HEIGHT + GAP)


def _line(start: str, end: str, row: dict[str, int], centre: dict[tuple[str, str, int], float]) -> str:
    """Return the path from the bottom of one box to the top of another."""
    x, y = centre[start, start, row[start]], _top(row[start]) + BOX_HEIGHT
    path = f"M{x:g} {y:g}"
    for number in range(row[start] + 1, row[end] + 1):
        is_last = number == row[end]
        next_x = centre[end, end, number] if is_last else centre[start, end, number]
        top = _top(number)
        path += f"C{x:g} {y + GAP / 2:g} {next_x:g} {top - GAP / 2:g} {next_x:g} {top:g}"
        x, y = next_x, top
        if not is_last:
            y = top + BOX_HEIGHT
            path += f"V{y:g}"
    return path
