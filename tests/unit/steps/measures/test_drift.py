"""Drift: profiles of training data, and the population stability index of later companies."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from steps.export.archive import unpack_model
from steps.measures.drift import population_stability, profile


def test_each_bin_holds_a_tenth() -> None:
    binned = profile({"x": np.arange(1000.0)})["x"]
    assert len(binned["edges"]) == 9
    assert binned["shares"] == pytest.approx([0.1] * 10, abs=0.002)


def test_a_repeated_value_has_one_bin() -> None:
    binned = profile({"x": np.repeat([0.0, 1.0, 2.0], [700, 200, 100])})["x"]
    assert binned == {"edges": [0.0, 1.0], "shares": [0.7, 0.2, 0.1]}


def test_a_constant_column_has_one_bin_and_no_drift() -> None:
    binned = profile({"x": np.ones(50)})["x"]
    assert binned == {"edges": [], "shares": [1.0]}
    assert population_stability(binned, np.full(20, 7.0)) == 0


def test_the_index_of_two_bins() -> None:
    # Shares of one half each become three quarters and one quarter.
    binned = {"edges": [0.0], "shares": [0.5, 0.5]}
    index = population_stability(binned, np.array([0.0, 0.0, 0.0, 1.0]))
    assert index == pytest.approx(0.25 * math.log(0.75 / 0.5) - 0.25 * math.log(0.25 / 0.5))


def test_an_empty_bin_gives_a_large_but_finite_index() -> None:
    binned = profile({"x": np.arange(1000.0)})["x"]
    index = population_stability(binned, np.full(500, 999.0))
    assert 1 < index < 100


def test_companies_from_the_same_distribution_are_stable() -> None:
    generator = np.random.default_rng(0)
    binned = profile({"x": generator.normal(size=5000)})["x"]
    assert population_stability(binned, generator.normal(size=1500)) < 0.03
    assert population_stability(binned, generator.normal(loc=0.8, size=1500)) > 0.25


def test_a_model_contains_the_profile_of_its_training_data(trained: Any, tmp_path: Any) -> None:
    unpack_model(trained.folder("recommended") / "model.tar.gz", tmp_path / "model")
    contract = json.loads((tmp_path / "model" / "model.json").read_text())["contract"]
    training = contract["training"]
    assert set(training["profile"]["features"]) == {feature["name"] for feature in contract["features"]}
    assert sum(training["profile"]["probability"]["shares"]) == pytest.approx(1, abs=1e-5)
    assert training["data"]["file"] == "companies.csv"
    assert (training["random_seed"], training["feature_count"]) == (42, 20)
    assert training["companies"] == contract["out_of_fold"]["companies"]
    assert training["versions"]["numpy"] == np.__version__
