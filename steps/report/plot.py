"""A plot's frame: scales, grid, tick labels, and the marks put into it, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from steps.measures.metrics import Floats
from steps.report.markup import Markup, element

WIDTH, HEIGHT = 440, 340
LEFT, RIGHT, TOP, BOTTOM = 68, 27, 14, 48
# A curve of more points looks the same and only makes the file larger.
MOST_POINTS = 400


@dataclass(frozen=True)
class Axis:
    """An axis: its range, its ticks with their labels, and how values are spread along it."""

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    spread: Callable[[float], float] = float

    def place(self, value: float) -> float:
        """Return where a value lies between the axis' ends: 0 to 1; what is beyond lies at an end."""
        low, high = self.spread(self.low), self.spread(self.high)
        inside = min(max(value, self.low), self.high)
        return (self.spread(inside) - low) / (high - low)


def log_odds(probability: float) -> float:
    """Spread probabilities so that 0.1 % and 1 % lie as far apart as 99 % and 99.9 %."""
    return math.log(probability / (1 - probability))


@dataclass
class Plot:
    """A plot that marks are added to, bottom one first."""

    title: str
    x: Axis
    y: Axis
    height: int = HEIGHT
    marks: list[Markup] = field(default_factory=list)

    def px(self, value: float) -> float:
        """Return a value's horizontal place in the drawing."""
        return LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)

    def py(self, value: float) -> float:
        """Return a value's vertical place in the drawing."""
        return self.height - BOTTOM - self.y.place(value) * (self.height - TOP - BOTTOM)

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
        """Add a dot, with a hint that shows when pointed at."""
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

    def text(self, x: float, y: float, words: str, anchor: str = "start", class_: str = "") -> None:
        """Add words at a point; an anchor of start, middle or end."""
        self.marks.append(
            element("text", words, x=self.px(x), y=self.py(y), text_anchor=anchor, class_=f"words {class_}")
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
