"""Drift: a profile of the data that a model was trained on, and how far later companies lie from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steps.measures.metrics import Floats

# Up to ten bins, as credit scoring has it; fewer where a column repeats one value.
DECILES = np.arange(1, 10) / 10


def profile(columns: Mapping[str, Floats]) -> dict[str, dict[str, list[float]]]:
    """Return each column's bins: their inner edges, and the share of the companies in each bin.

    A value on an edge belongs to the bin below it.
    """
    profiles = {}
    for name, column in columns.items():
        # A decile that some company has, so that edges are values of the data, not between two units.
        edges = np.unique(np.quantile(column, DECILES, method="lower"))
        # Nothing lies above the largest value.
        edges = edges[edges < np.max(column)]
        profiles[name] = {"edges": edges.tolist(), "shares": np.round(_shares(edges, column), 6).tolist()}
    return profiles


def population_stability(binned: Mapping[str, Sequence[float]], column: Floats) -> float:
    """Return the population stability index of new companies against a profile's column.

    Parameters
    ----------
    binned
        `edges` and `shares`, as `profile` returns them for a column.
    column
        The new companies' values.

    Notes
    -----
    The sum over bins of (new − old) · ln(new / old), which is 0 for equal shares. In credit scoring
    (Siddiqi 2006, "Credit Risk Scorecards") below 0.1 counts as stable and above 0.25 as a shift. An empty
    bin counts as half a company.
    """
    old = np.asarray(binned["shares"], dtype=np.float64)
    new = _shares(np.asarray(binned["edges"], dtype=np.float64), column)
    least = 0.5 / len(column)
    old, new = np.maximum(old, least), np.maximum(new, least)
    return float(np.sum((new - old) * np.log(new / old)))


def drift(facts: Mapping[str, Any], columns: Mapping[str, Floats], probability: Floats) -> dict[str, Any]:
    """Return how far companies lie from those that a model was trained on.

    Parameters
    ----------
    facts
        The `training` facts of the model.
    columns
        The companies' values of the model's features.
    probability
        The model's probabilities for them.

    Returns
    -------
    dict
        The population stability index of each feature (`features`, by name) and of `probability`, where the
        old values are those of training companies out of fold.
    """
    old = facts["profile"]
    return {
        "probability": population_stability(old["probability"], probability),
        "features": {
            name: population_stability(old["features"][name], column) for name, column in columns.items()
        },
    }


def _shares(edges: Floats, column: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, column, side="left"), minlength=len(edges) + 1)
    shares: Floats = counts / len(column)
    return shares
