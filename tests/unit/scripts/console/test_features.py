"""The form of a company knows the order, the quantiles and the units of the features."""

from __future__ import annotations

import json

from scripts.console.pages.features import features_of

UNITS = {"largest_small": 1.0, "small_factor": 1e4, "smallest_large": 1e5, "large_factor": 1e-10}
CONTRACT = {
    "features": [
        {"name": "debt", "min": 0.0, "max": 9.0, "median": 2.0},
        {"name": "quick", "min": 0.0, "max": 1e9, "median": 0.5, "two_units": UNITS},
        {"name": "cash", "min": 1.0, "max": 1.0, "median": 1.0},
    ]
}
# Three of ten companies have the lowest debt.
PROFILE = {"features": [{"name": "debt", "edges": [0.0, 1.23456, 5.0], "shares": [0.3, 0.2, 0.1, 0.4]}]}


def test_the_most_important_features_come_first_and_the_others_in_order() -> None:
    found = features_of(CONTRACT, {}, ["cash", "unknown"])
    assert [each.name for each in found] == ["cash", "debt", "quick"]


def test_a_slider_goes_through_the_quantiles_of_the_profile() -> None:
    debt, quick, cash = features_of(CONTRACT, PROFILE, ())
    assert json.loads(debt.points) == [[0.0, 0.0], [0.3, 0.0], [0.5, 1.23456], [0.6, 5.0], [1.0, 9.0]]
    # Without a profile, it only knows lowest, median and highest.
    assert json.loads(quick.points) == [[0.0, 0.0], [0.5, 0.5], [1.0, 1e9]]
    assert (debt.gap, quick.gap) == (None, (1.0, 1e5))
    assert json.loads(cash.points) == [[0.0, 1.0], [1.0, 1.0]]
