"""Reads the features of a model for a form: their training ranges, quantiles and units."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class Feature:
    """A feature of the model.

    Attributes
    ----------
    low, median, high
        Of the training companies.
    quantiles
        Pairs of a share and a value: that share of the training companies has at most the value.
    gap
        The largest value in its smaller unit and the smallest one in its larger unit; None if it has only
        one unit.
    """

    name: str
    low: float
    median: float
    high: float
    quantiles: tuple[tuple[float, float], ...]
    gap: tuple[float, float] | None

    @property
    def points(self) -> str:
        """The quantiles as JSON; rounded ones could lie in the gap between two units."""
        return json.dumps(self.quantiles)


def features_of(
    contract: Mapping[str, Any], profile: Mapping[str, Any], ranked: Sequence[str]
) -> list[Feature]:
    """Return the features of a model, the most important first.

    Parameters
    ----------
    contract
        The contract, or the API's answer to GET /model.
    profile
        The profile of its training companies; if it is empty, the quantiles are lowest, median and highest.
    ranked
        Names of features, the most important first. The others follow in the order of the contract.
    """
    columns = {each["name"]: each for each in profile.get("features", ())}
    order = {name: position for position, name in enumerate(ranked)}
    found = [_feature(each, columns.get(each["name"])) for each in contract["features"]]
    return sorted(found, key=lambda feature: order.get(feature.name, len(order)))


def _feature(facts: Mapping[str, Any], column: Mapping[str, Any] | None) -> Feature:
    low, median, high = facts["min"], facts["median"], facts["max"]
    inner = [(0.5, median)]
    if column is not None:
        shares = accumulate(column["shares"])
        inner = [(round(share, 3), edge) for share, edge in zip(shares, column["edges"], strict=False)]
    inner = [(share, value) for share, value in inner if low <= value < high]
    units = facts.get("two_units")
    gap = (units["largest_small"], units["smallest_large"]) if units else None
    return Feature(facts["name"], low, median, high, ((0.0, low), *inner, (1.0, high)), gap)
