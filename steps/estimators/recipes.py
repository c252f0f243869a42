"""The recommended recipes: repaired units and derived ratios, then one family of models or all three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from steps.estimators.blend import Blend
from steps.estimators.boosting import BoostingBag
from steps.estimators.forest import Forest
from steps.estimators.mlp_bag import Clip, MlpBag
from steps.estimators.ratios import DerivedRatios
from steps.estimators.unit_repair import UnitRepair


def boosting(names: Sequence[str], seed: int, *, bags: int = 4, trees: int = 300) -> Pipeline:
    """Return unfitted bagged boosting on the named columns."""
    return Pipeline([*_columns(names), ("boosting", BoostingBag(bags, trees, seed=seed))])


def mlp_bag(names: Sequence[str], seed: int, *, nets: int = 10, epochs: int = 30) -> Pipeline:
    """Return an unfitted bag of networks on the named columns."""
    return Pipeline([*_columns(names), *_networks(seed, nets, epochs)])


def forest(names: Sequence[str], seed: int, *, trees: int = 300) -> Pipeline:
    """Return an unfitted forest on the named columns."""
    return Pipeline([*_columns(names), ("forest", Forest(trees, seed))])


def blend(
    names: Sequence[str],
    seed: int,
    *,
    bags: int = 4,
    boosted_trees: int = 300,
    nets: int = 10,
    epochs: int = 30,
    forest_trees: int = 300,
) -> Pipeline:
    """Return the unfitted blend of the three on the named columns."""
    members = [
        ("boosting", BoostingBag(bags, boosted_trees, seed=seed)),
        ("mlp-bag", Pipeline(_networks(seed, nets, epochs))),
        ("forest", Forest(forest_trees, seed)),
    ]
    return Pipeline([*_columns(names), ("blend", Blend(members))])


def _columns(names: Sequence[str]) -> list[tuple[str, Any]]:
    return [("units", UnitRepair(names)), ("ratios", DerivedRatios(names))]


def _networks(seed: int, nets: int, epochs: int) -> list[tuple[str, Any]]:
    return [
        (
            "quantiles",
            QuantileTransformer(n_quantiles=200, output_distribution="normal", random_state=seed),
        ),
        ("scale", StandardScaler()),
        ("clip", Clip(3.0)),
        ("mlp-bag", MlpBag(nets, epochs, seed)),
    ]
