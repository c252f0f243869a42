"""Lays an explanation out as bars, each of which starts where the one before ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WIDTH = 200.0
# The end of a bar stays visible if its effect is small.
_NARROWEST = 2.0


@dataclass(frozen=True)
class Bar:
    """A row of the drawing.

    Attributes
    ----------
    label
        The feature, or the company at an end.
    value, median
        The company's number and the median; None if the row stands for no single feature.
    effect
        What it adds to the log-odds; at both ends, the log-odds themselves.
    kind
        ``raises``, ``lowers`` or, at both ends, ``total``.
    x, width
        The place of the bar, from 0 to `WIDTH`.
    """

    label: str
    value: float | None
    median: float | None
    effect: float
    kind: str
    x: float
    width: float


def bars(prediction: Mapping[str, Any], features: int) -> list[Bar]:
    """Return the rows of an explained prediction; their effects add up to the last row.

    Parameters
    ----------
    prediction
        The API's answer with `explain`.
    features
        The number of features of the model.
    """
    score, effects = prediction["explained_score"], prediction["explanation"]
    steps = [(each["feature"], each["value"], each["median"], each["effect"]) for each in effects]
    others = features - len(effects)
    if others:
        steps.append((f"the other {others} columns", None, None, score["other_effects"]))
    positions: list[float] = [score["median_log_odds"]]
    for *_, effect in steps:
        positions.append(positions[-1] + effect)
    low, high = min(positions), max(positions)
    scale = (WIDTH - _NARROWEST) / (high - low) if high > low else 0.0

    def place(value: float) -> float:
        return (value - low) * scale

    found = [Bar("median company", None, None, positions[0], "total", place(positions[0]), _NARROWEST)]
    for (label, value, median, effect), start in zip(steps, positions, strict=False):
        left = place(min(start, start + effect))
        kind = "raises" if effect > 0 else "lowers"
        found.append(Bar(label, value, median, effect, kind, left, abs(effect) * scale + _NARROWEST))
    found.append(
        Bar("this company", None, None, score["log_odds"], "total", place(positions[-1]), _NARROWEST)
    )
    return found


def probability_of(log_odds: float) -> float:
    """Return the probability with these log-odds."""
    # Neither form overflows for its sign.
    if log_odds < 0:
        odds = math.exp(log_odds)
        return odds / (1 + odds)
    return 1 / (1 + math.exp(-log_odds))
