"""Draws a plot as inline SVG: scales, grid, tick labels and marks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from steps.measures.metrics import Floats
from steps.report.markup import Markup, element

WIDTH, HEIGHT = 440, 340
LEFT, RIGHT, TOP, BOTTOM = 68, 27, 14, 48
# More points would not change how a curve looks, only make the file larger.
MOST_POINTS = 400


@dataclass(frozen=True)
class Axis:
    """An axis: its range, its labeled ticks, and the transformation of its values."""

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    transform: Callable[[float], float] = float

    def position(self, value: float) -> float:
        """Return the position of a value on the axis, from 0 to 1; values outside the range are clipped."""
        low, high = self.transform(self.low), self.transform(self.high)
        inside = min(max(value, self.low), self.high)
        return (self.transform(inside) - low) / (high - low)


def log_odds(probability: float) -> float:
    """Return the log-odds, which spread out probabilities near 0 and near 1."""
    return math.log(probability / (1 - probability))


@dataclass
class Plot:
    """A plot to which marks are added, from bottom to top."""

    title: str
    x: Axis
    y: Axis
    height: int = HEIGHT
    marks: list[Markup] = field(default_factory=list)

    def px(self, value: float) -> float:
        """Return a value's horizontal position in the drawing."""
        return LEFT + self.x.position(value) * (WIDTH - LEFT - RIGHT)

    def py(self, value: float) -> float:
        """Return a value's vertical position in the drawing."""
        return self.height - BOTTOM - self.y.position(value) * (self.height - TOP - BOTTOM)

    def line(self, x: Floats, y: Floats, class_: str) -> None:
        """Add a line through points."""
        if len(x) > MOST_POINTS:
            kept = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int))
            x, y = x[kept], y[kept]
        points = " ".join(f"{self.px(a):.1f},{self.py(b):.1f}" for a, b in zip(x, y, strict=True))
        self.marks.append(element("polyline", points=points, class_=f"line {class_}"))

    def area(self, x: Floats, y: Floats, base: float, class_: str) -> None:
        """Add the area between points and a horizontal base."""
        points = [(float(x[0]), base), *zip(x.tolist(), y.tolist(), strict=True), (float(x[-1]), base)]
        drawn = " ".join(f"{self.px(a):.1f},{self.py(b):.1f}" for a, b in points)
        self.marks.append(element("polygon", points=drawn, class_=f"area {class_}"))

    def dot(self, x: float, y: float, class_: str, hint: str, radius: float = 4.5) -> None:
        """Add a dot with a tooltip."""
        self.marks.append(
            element(
                "circle",
                element("title", hint),
                cx=self.px(x),
                cy=self.py(y),
                r=radius,
                class_=f"dot {class_}",
            )
        )

    def rule(self, x: tuple[float, float], y: tuple[float, float], class_: str) -> None:
        """Add a straight line between two points."""
        ends = {"x1": self.px(x[0]), "x2": self.px(x[1]), "y1": self.py(y[0]), "y2": self.py(y[1])}
        self.marks.append(element("line", class_=f"rule {class_}", **ends))

    def text(self, x: float, y: float, text: str, anchor: str = "start", class_: str = "") -> None:
        """Add text at a point; the anchor is start, middle or end."""
        self.marks.append(
            element("text", text, x=self.px(x), y=self.py(y), text_anchor=anchor, class_=f"words {class_}")
        )

    def render(self) -> Markup:
        """Return the drawing."""
        return element(
            "svg",
            element("title", self.title),
            self._grid(),
            self.marks,
            viewBox=f"0 0 {WIDTH} {self.height}",
            role="img",
            class_="plot",
        )

    def _grid(self) -> list[Markup]:
        bottom, right = self.height - BOTTOM, WIDTH - RIGHT
        drawn = []
        for value, label in self.x.ticks:
            at = self.px(value)
            drawn += [
                element("line", x1=at, x2=at, y1=TOP, y2=bottom, class_="grid"),
                element("text", label, x=at, y=bottom + 17, text_anchor="middle", class_="tick"),
            ]
        for value, label in self.y.ticks:
            at = self.py(value)
            drawn += [
                element("line", x1=LEFT, x2=right, y1=at, y2=at, class_="grid"),
                element("text", label, x=LEFT - 8, y=at + 4, text_anchor="end", class_="tick"),
            ]
        middle = (TOP + bottom) / 2
        return [
            *drawn,
            element(
                "text",
                self.x.label,
                x=(LEFT + right) / 2,
                y=self.height - 8,
                text_anchor="middle",
                class_="axis",
            ),
            element(
                "text",
                self.y.label,
                x=13,
                y=middle,
                text_anchor="middle",
                transform=f"rotate(-90 13 {middle:.0f})",
                class_="axis",
            ),
        ]
