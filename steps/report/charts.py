"""Draws the report's charts: curves, calibration, distribution, squares and bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steps.measures.groups import CalibrationGroup
from steps.measures.metrics import Confusion, Floats, Labels, curve
from steps.report.markup import Markup, element, percent
from steps.report.plot import Axis, Plot, log_odds

_SHARES = [(value, percent(value, 0)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
_LOWEST, _HIGHEST = 0.0005, 0.995
_ODDS_TICKS = [
    (0.001, percent(0.001)),
    *((value, percent(value, 0)) for value in (0.01, 0.05, 0.25, 0.75, 0.95)),
]
_BINS = 40

# The horizontal and vertical positions of a curve's points, in order.
Points = tuple[Floats, Floats]


@dataclass(frozen=True)
class OperatingPoint:
    """The threshold of a risk level, and its confusion matrix on the test companies."""

    level: str
    threshold: float
    counts: Confusion


def roc_points(y: Labels, probability: Floats) -> Points:
    """Return the false positive rates and recalls of all thresholds, the highest threshold first."""
    _, found, wrong = curve(y, probability)
    x = np.concatenate([[0.0], wrong / wrong[-1]])
    return _corners(x, np.concatenate([[0.0], found / found[-1]]))


def precision_recall_points(y: Labels, probability: Floats) -> Points:
    """Return the recalls and precisions of the thresholds that find another bankruptcy."""
    _, found, wrong = curve(y, probability)
    return rising(found / found[-1], found / (found + wrong))


def rising(recall: Floats, precision: Floats) -> Points:
    """Return the points of a precision-recall curve at which the recall rises.

    Between two of them, no further bankruptcy is found, and the precision only falls.
    """
    finds = np.diff(recall, prepend=0.0) > 0
    return recall[finds], precision[finds]


def roc(curves: Mapping[str, Points], points: Sequence[OperatingPoint] = ()) -> Markup:
    """Draw ROC curves, with the first one and its operating points on top."""
    plot = Plot(
        "ROC curves: share of bankrupt companies found, by share of others flagged",
        Axis("false positives: others flagged", 0, 1, _SHARES),
        Axis("recall: bankrupt companies found", 0, 1, _SHARES),
    )
    plot.rule((0, 1), (0, 1), "chance")
    for name, (x, y) in reversed(list(curves.items())):
        plot.line(x, y, f"of-{name}")
    for point in points:
        recall, wrong_rate = point.counts.recall, point.counts.false_positive_rate
        hint = f"{point.level} risk: finds {percent(recall)} at {percent(wrong_rate)} false positives"
        plot.dot(wrong_rate, recall, f"level-{point.level}", hint)
    return plot.render()


def precision_recall(
    curves: Mapping[str, Points], rates: Sequence[float], points: Sequence[OperatingPoint] = ()
) -> Markup:
    """Draw precision-recall curves, with the first one and its operating points on top.

    Parameters
    ----------
    rates
        The shares of bankrupt companies, which are the precision of random predictions.
    """
    plot = Plot(
        "Precision-recall curves: share of flagged companies that went bankrupt, by share found",
        Axis("recall: bankrupt companies found", 0, 1, _SHARES),
        Axis("precision: bankrupt if flagged", 0, 1, _SHARES),
    )
    for rate in rates:
        plot.rule((0, 1), (rate, rate), "chance")
    for name, (x, y) in reversed(list(curves.items())):
        plot.line(x, y, f"of-{name}")
    for point in points:
        recall, precision = point.counts.recall, point.counts.precision
        if not math.isnan(precision):
            hint = f"{point.level} risk: {percent(precision)} of those flagged went bankrupt"
            plot.dot(recall, precision, f"level-{point.level}", hint)
    return plot.render()


def calibration(models: Mapping[str, Sequence[CalibrationGroup]]) -> Markup:
    """Draw the observed rate of bankruptcy by predicted probability, with each group's 95 % interval.

    The first model is on top.
    """
    ticks = [(value, percent(value, 0)) for value in (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 1.0)]
    plot = Plot(
        "Calibration: observed share of bankruptcies, by predicted probability",
        Axis("predicted probability", 0, 1, ticks, math.sqrt),
        Axis("went bankrupt", 0, 1, ticks, math.sqrt),
    )
    plot.rule((0, 1), (0, 1), "chance")
    for name, groups in reversed(list(models.items())):
        for group in groups:
            count, bankrupt, predicted = group.companies, group.bankruptcies, group.predicted
            low, high = wilson(bankrupt, count)
            plot.rule((predicted, predicted), (low, high), f"interval of-{name}")
            hint = (
                f"{count:,} companies, predicted {percent(predicted)} on average: {bankrupt} "
                f"({percent(bankrupt / count)}) went bankrupt, "
                f"95 % interval {percent(low)} to {percent(high)}"
            )
            plot.dot(predicted, bankrupt / count, f"of-{name}", hint, 3.5 + min(4.0, math.log10(count)))
    return plot.render()


def distribution(y: Labels, probability: Floats, points: Sequence[OperatingPoint]) -> Markup:
    """Draw the distribution of probabilities: bankrupt companies upward, others downward."""
    odds = np.linspace(log_odds(_LOWEST), log_odds(_HIGHEST), _BINS + 1)
    bounds = 1 / (1 + np.exp(-odds))
    inside = np.clip(probability, _LOWEST, _HIGHEST)
    shares = [np.histogram(inside[y == label], bounds)[0] / max(1, np.sum(y == label)) for label in (1, 0)]
    top = max(float(np.max(share)) for share in shares) * 1.08
    plot = Plot(
        "Distribution of predicted probabilities: bankrupt companies above the line, others below",
        Axis("predicted probability (log-odds scale)", _LOWEST, _HIGHEST, _ODDS_TICKS, log_odds),
        Axis("share of the companies of each kind", -top, top, []),
    )
    for label, share, sign in ((1, shares[0], 1), (0, shares[1], -1)):
        edges = np.repeat(bounds, 2)[1:-1]
        plot.area(edges, sign * np.repeat(share, 2), 0.0, f"label-{label}")
    plot.rule((_LOWEST, _HIGHEST), (0, 0), "zero")
    for number, point in enumerate(points):
        x = min(max(point.threshold, _LOWEST), _HIGHEST)
        plot.rule((x, x), (-top, top), f"threshold level-{point.level}")
        # The last label is to the right of its line, the others to the left, so that they do not overlap.
        anchor = "start" if number == len(points) - 1 else "end"
        plot.text(x, -top * 0.95, f"\u00a0{point.level}\u00a0", anchor, f"level-{point.level}")
    plot.text(_LOWEST * 1.15, top * 0.86, "went bankrupt", "start", "label-1")
    plot.text(_HIGHEST, -top * 0.62, "did not", "end", "label-0")
    return plot.render()


def strip(low: float, value: float, high: float, worst: float, best: float) -> Markup:
    """Draw a metric and its interval between no skill (left) and perfection (right)."""

    def px(metric: float) -> float:
        return 4 + 192 * min(max((metric - worst) / (best - worst), 0.0), 1.0)

    left, right = sorted((px(low), px(high)))
    return element(
        "svg",
        element("line", x1=4.0, x2=196.0, y1=9, y2=9, class_="track"),
        element("line", x1=left, x2=right, y1=9, y2=9, class_="span"),
        element("circle", cx=px(value), cy=9, r=5, class_="dot of-selected"),
        viewBox="0 0 200 18",
        class_="strip",
        aria_hidden="true",
    )


def squares(counts: Sequence[tuple[str, int]]) -> Markup:
    """Draw one square for each company, colored by risk level; over 120 companies, one for each percent."""
    total = sum(count for _, count in counts)
    shown = [count for _, count in counts] if total <= 120 else _percent([count for _, count in counts])
    per_row, size = 20, 20
    drawn: list[Markup] = []
    for (level, _), count in zip(counts, shown, strict=True):
        for _ in range(count):
            drawn.append(
                element(
                    "rect",
                    x=len(drawn) % per_row * size + 1,
                    y=len(drawn) // per_row * size + 1,
                    width=size - 3,
                    height=size - 3,
                    rx=3,
                    class_=f"square level-{level}",
                )
            )
    rows = -(-len(drawn) // per_row)
    title = ", ".join(f"{count} at {level} risk" for level, count in counts)
    return element(
        "svg",
        element("title", title),
        drawn,
        viewBox=f"0 0 {per_row * size} {rows * size}",
        role="img",
        class_="squares",
    )


def bar(share: float, class_: str, spread: tuple[float, float] | None = None) -> Markup:
    """Draw a bar for a share from 0 to 1, with an optional whisker between two shares."""

    def px(value: float) -> float:
        return 200 * min(max(value, 0.0), 1.0)

    whisker = None
    if spread is not None:
        whisker = element("line", x1=px(spread[0]), x2=px(spread[1]), y1=7, y2=7, class_="whisker")
    return element(
        "svg",
        element("rect", x=0, y=2, width=max(px(share), 1.0), height=10, rx=2, class_=f"bar {class_}"),
        whisker,
        viewBox="0 0 200 14",
        preserveAspectRatio="none",
        class_="bar-row",
        aria_hidden="true",
    )


def line_sample(name: str) -> Markup:
    """Draw a short line in a curve's style, for a legend."""
    drawn = element("line", x1=1, x2=27, y1=6, y2=6, class_=f"line of-{name}")
    return element("svg", drawn, viewBox="0 0 28 12", class_="sample", aria_hidden="true")


def wilson(events: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share: Wilson's score interval (1927), which is valid for few events."""
    z, share = 1.959964, events / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def _percent(counts: Sequence[int]) -> list[int]:
    """Return whole percentages that add up to 100, by rounding up those with the largest remainders."""
    exact = [100 * count / sum(counts) for count in counts]
    floors = [int(value) for value in exact]
    by_remainder = sorted(range(len(counts)), key=lambda index: floors[index] - exact[index])
    for index in by_remainder[: 100 - sum(floors)]:
        floors[index] += 1
    return floors


def _corners(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Drop the points inside straight horizontal or vertical segments."""
    flat = (np.diff(y[:-1]) == 0) & (np.diff(y[1:]) == 0)
    steep = (np.diff(x[:-1]) == 0) & (np.diff(x[1:]) == 0)
    kept = np.concatenate([[True], ~(flat | steep), [True]])
    return x[kept], y[kept]
