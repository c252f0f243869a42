"""The report's drawings: curves, calibration, distributions, squares of companies, bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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
_CALIBRATION_BOUNDS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class OperatingPoint:
    """Where a risk level starts, and what it finds among the test companies."""

    level: str
    threshold: float
    counts: Confusion


def roc(y: Labels, curves: Mapping[str, Floats], points: Sequence[OperatingPoint]) -> Markup:
    """Draw ROC curves, the first name's on top, with its operating points."""
    plot = Plot(
        "ROC curves: share of bankrupt companies found against share of others flagged",
        Axis("false positives: others flagged", 0, 1, _SHARES),
        Axis("recall: bankrupt companies found", 0, 1, _SHARES),
    )
    plot.rule((0, 1), (0, 1), "chance")
    for name, probability in reversed(list(curves.items())):
        _, found, wrong = curve(y, probability)
        x = np.concatenate([[0.0], wrong / wrong[-1]])
        plot.line(*_corners(x, np.concatenate([[0.0], found / found[-1]])), f"of-{name}")
    for point in points:
        recall, wrong_rate = point.counts.recall, point.counts.false_positive_rate
        hint = f"{point.level} risk: finds {percent(recall)} at {percent(wrong_rate)} false positives"
        plot.dot(wrong_rate, recall, f"level-{point.level}", hint)
    return plot.render()


def precision_recall(y: Labels, curves: Mapping[str, Floats], points: Sequence[OperatingPoint]) -> Markup:
    """Draw precision-recall curves, the first name's on top, with its operating points."""
    plot = Plot(
        "Precision-recall curves: share of flagged companies that went bankrupt against share found",
        Axis("recall: bankrupt companies found", 0, 1, _SHARES),
        Axis("precision: bankrupt if flagged", 0, 1, _SHARES),
    )
    rate = float(np.mean(y))
    plot.rule((0, 1), (rate, rate), "chance")
    for name, probability in reversed(list(curves.items())):
        _, found, wrong = curve(y, probability)
        # Precision between two bankruptcies found only falls: what counts is where one is found.
        finds = np.diff(found, prepend=0.0) > 0
        plot.line(found[finds] / found[-1], found[finds] / (found + wrong)[finds], f"of-{name}")
    for point in points:
        recall, precision = point.counts.recall, point.counts.precision
        if not math.isnan(precision):
            hint = f"{point.level} risk: {percent(precision)} of those flagged went bankrupt"
            plot.dot(recall, precision, f"level-{point.level}", hint)
    return plot.render()


def calibration(y: Labels, probability: Floats) -> Markup:
    """Draw observed against predicted rates of bankruptcy, with each group's 95 % interval."""
    ticks = [(value, percent(value, 0)) for value in (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 1.0)]
    plot = Plot(
        "Calibration: observed share of bankruptcies against predicted probability",
        Axis("predicted probability", 0, 1, ticks, math.sqrt),
        Axis("went bankrupt", 0, 1, ticks, math.sqrt),
    )
    plot.rule((0, 1), (0, 1), "chance")
    # A company at 100 % belongs to the last group.
    group = np.minimum(np.digitize(probability, _CALIBRATION_BOUNDS), len(_CALIBRATION_BOUNDS) - 1)
    for number in np.unique(group):
        members = group == number
        count, bankrupt = int(np.sum(members)), int(np.sum(y[members]))
        predicted = float(np.mean(probability[members]))
        low, high = wilson(bankrupt, count)
        plot.rule((predicted, predicted), (low, high), "interval")
        hint = (
            f"{count:,} companies, predicted {percent(predicted)} on average: {bankrupt} "
            f"({percent(bankrupt / count)}) went bankrupt, 95 % interval {percent(low)} to {percent(high)}"
        )
        plot.dot(predicted, bankrupt / count, "of-selected", hint, 3.5 + min(4.0, math.log10(count)))
    return plot.render()


def distribution(y: Labels, probability: Floats, points: Sequence[OperatingPoint]) -> Markup:
    """Draw how probabilities are spread: bankrupt companies upwards, the others downwards."""
    spread = np.linspace(log_odds(_LOWEST), log_odds(_HIGHEST), _BINS + 1)
    bounds = 1 / (1 + np.exp(-spread))
    inside = np.clip(probability, _LOWEST, _HIGHEST)
    shares = [np.histogram(inside[y == label], bounds)[0] / max(1, np.sum(y == label)) for label in (1, 0)]
    top = max(float(np.max(share)) for share in shares) * 1.08
    plot = Plot(
        "Distribution of predicted probabilities: bankrupt companies above the line, others below",
        Axis("predicted probability (spread by log-odds)", _LOWEST, _HIGHEST, _ODDS_TICKS, log_odds),
        Axis("share of the companies of each kind", -top, top, []),
    )
    for label, share, sign in ((1, shares[0], 1), (0, shares[1], -1)):
        x = np.repeat(bounds, 2)[1:-1]
        plot.area(x, sign * np.repeat(share, 2), 0.0, f"label-{label}")
    plot.rule((_LOWEST, _HIGHEST), (0, 0), "zero")
    for number, point in enumerate(points):
        at = min(max(point.threshold, _LOWEST), _HIGHEST)
        plot.rule((at, at), (-top, top), f"threshold level-{point.level}")
        # The last to the right of its line, the others to the left, where they don't meet.
        anchor = "start" if number == len(points) - 1 else "end"
        plot.text(at, -top * 0.95, f"\u00a0{point.level}\u00a0", anchor, f"level-{point.level}")
    plot.text(_LOWEST * 1.15, top * 0.86, "went bankrupt", "start", "label-1")
    plot.text(_HIGHEST, -top * 0.62, "did not", "end", "label-0")
    return plot.render()


def strip(low: float, value: float, high: float, worst: float, best: float) -> Markup:
    """Draw a figure and its interval between no skill (left) and perfection (right)."""

    def at(figure: float) -> float:
        return 4 + 192 * min(max((figure - worst) / (best - worst), 0.0), 1.0)

    left, right = sorted((at(low), at(high)))
    return element(
        "svg",
        element("line", x1=4.0, x2=196.0, y1=9, y2=9, class_="track"),
        element("line", x1=left, x2=right, y1=9, y2=9, class_="span"),
        element("circle", cx=at(value), cy=9, r=5, class_="dot of-selected"),
        viewBox="0 0 200 18",
        class_="strip",
        aria_hidden="true",
    )


def squares(counts: Sequence[tuple[str, int]]) -> Markup:
    """Draw companies as squares by risk level: one each, or one for each percent of more than 120."""
    total = sum(count for _, count in counts)
    shown = [count for _, count in counts] if total <= 120 else _percent([count for _, count in counts])
    per_row, size = 20, 20
    drawn, at = [], 0
    for (level, _), count in zip(counts, shown, strict=True):
        for _ in range(count):
            drawn.append(
                element(
                    "rect",
                    x=at % per_row * size + 1,
                    y=at // per_row * size + 1,
                    width=size - 3,
                    height=size - 3,
                    rx=3,
                    class_=f"square level-{level}",
                )
            )
            at += 1
    rows = -(-at // per_row)
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
    """Draw a bar of a share (0 to 1) of the width, with a whisker between two shares."""

    def at(value: float) -> float:
        return 200 * min(max(value, 0.0), 1.0)

    whisker = None
    if spread is not None:
        whisker = element("line", x1=at(spread[0]), x2=at(spread[1]), y1=7, y2=7, class_="whisker")
    return element(
        "svg",
        element("rect", x=0, y=2, width=max(at(share), 1.0), height=10, rx=2, class_=f"bar {class_}"),
        whisker,
        viewBox="0 0 200 14",
        preserveAspectRatio="none",
        class_="bar-row",
        aria_hidden="true",
    )


def line_sample(name: str) -> Markup:
    """Draw a short piece of a curve, for a legend."""
    drawn = element("line", x1=1, x2=27, y1=6, y2=6, class_=f"line of-{name}")
    return element("svg", drawn, viewBox="0 0 28 12", class_="sample", aria_hidden="true")


def wilson(events: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share: Wilson's score interval (1927), which holds for few events too."""
    z, share = 1.959964, events / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def _percent(counts: Sequence[int]) -> list[int]:
    """Return whole percents that add up to 100: the largest remainders are rounded up."""
    exact = [100 * count / sum(counts) for count in counts]
    floors = [int(value) for value in exact]
    by_remainder = sorted(range(len(counts)), key=lambda at: floors[at] - exact[at])
    for at in by_remainder[: 100 - sum(floors)]:
        floors[at] += 1
    return floors


def _corners(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Drop the points in the middle of straight stretches, horizontal or vertical."""
    flat = (np.diff(y[:-1]) == 0) & (np.diff(y[1:]) == 0)
    steep = (np.diff(x[:-1]) == 0) & (np.diff(x[1:]) == 0)
    kept = np.concatenate([[True], ~(flat | steep), [True]])
    return x[kept], y[kept]
