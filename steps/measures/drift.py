"""Drift: profiles of the training data, and the population stability index of later companies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steps.measures.metrics import Floats

# Up to ten bins, as is usual in credit scoring; fewer if many companies share a value.
DECILES = np.arange(1, 10) / 10


def profile(columns: Mapping[str, Floats]) -> dict[str, dict[str, list[float]]]:
    """Return each column's bins: the inner edges, and the share of companies in each bin.

    A value on an edge belongs to the bin below it.
    """
    profiles = {}
    for name, column in columns.items():
        # "lower" makes every edge a value of the data, never a number between two units.
        edges = np.unique(np.quantile(column, DECILES, method="lower"))
        # An edge at the largest value would make an empty bin.
        edges = edges[edges < np.max(column)]
        profiles[name] = {"edges": edges.tolist(), "shares": np.round(_shares(edges, column), 6).tolist()}
    return profiles


def population_stability(binned: Mapping[str, Sequence[float]], column: Floats) -> float:
    """Return the population stability index of new companies compared with a profiled column.

    Parameters
    ----------
    binned
        `edges` and `shares`, as `profile` returns them for a column.
    column
        The new companies' values.

    Notes
    -----
    The index is the sum over bins of (new − old) · ln(new / old), which is 0 for equal shares. In credit
    scoring, less than 0.1 is stable and more than 0.25 is a shift (Siddiqi 2006, "Credit Risk Scorecards").
    An empty bin counts as half a company.
    """
    old = np.asarray(binned["shares"], dtype=np.float64)
    new = _shares(np.asarray(binned["edges"], dtype=np.float64), column)
    least = 0.5 / len(column)
    old, new = np.maximum(old, least), np.maximum(new, least)
    return float(np.sum((new - old) * np.log(new / old)))


def drift(facts: Mapping[str, Any], columns: Mapping[str, Floats], probability: Floats) -> dict[str, Any]:
    """Return how much companies differ from those that a model was trained on.

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
        The population stability index of each feature (`features`, by name) and of `probability`, which is
        compared with the out-of-fold probabilities of the training companies.
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
