"""The recipes of the recommended candidate by name: one model family, or a blend of three."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from steps.estimators.blend import Blend
from steps.estimators.boosting import BoostingBag
from steps.estimators.forest import Forest
from steps.estimators.inputs import Steps, columns_and_ratios, normal_scores
from steps.estimators.mlp_bag import MlpBag

# Takes column names and a seed; returns an unfitted pipeline for those columns in the units of the file.
Build = Callable[[Sequence[str], int], Pipeline]

# The inverse penalty strength of the logistic regression. In cross-validation, 0.03 to 1 rank alike.
PENALTY = 0.1


def logistic(names: Sequence[str], seed: int) -> Pipeline:
    """Return an unfitted logistic regression on normal scores, which is simple and fast and ranks well."""
    classifier = LogisticRegression(C=PENALTY, max_iter=1000)
    return Pipeline([*columns_and_ratios(names), *normal_scores(seed), ("logistic", classifier)])


def boosting(names: Sequence[str], seed: int, *, bags: int = 4, trees: int = 200) -> Pipeline:
    """Return an unfitted bag of boosted ensembles on the named columns."""
    return Pipeline([*columns_and_ratios(names), ("boosting", BoostingBag(bags, trees, seed=seed))])


def mlp_bag(names: Sequence[str], seed: int, *, nets: int = 10, epochs: int = 20) -> Pipeline:
    """Return an unfitted bag of networks on the named columns."""
    return Pipeline([*columns_and_ratios(names), *_networks(seed, nets, epochs)])


def forest(names: Sequence[str], seed: int, *, trees: int = 150) -> Pipeline:
    """Return an unfitted forest on the named columns."""
    return Pipeline([*columns_and_ratios(names), ("forest", Forest(trees, seed))])


def blend(
    names: Sequence[str],
    seed: int,
    *,
    bags: int = 4,
    boosted_trees: int = 200,
    nets: int = 10,
    epochs: int = 20,
    forest_trees: int = 150,
) -> Pipeline:
    """Return an unfitted blend of boosting, networks and forest on the named columns."""
    members = [
        ("boosting", BoostingBag(bags, boosted_trees, seed=seed)),
        ("mlp-bag", Pipeline(_networks(seed, nets, epochs))),
        ("forest", Forest(forest_trees, seed)),
    ]
    return Pipeline([*columns_and_ratios(names), ("blend", Blend(members))])


def _networks(seed: int, nets: int, epochs: int) -> Steps:
    return [*normal_scores(seed), ("mlp-bag", MlpBag(nets, epochs, seed))]


ESTIMATORS: dict[str, Build] = {
    "blend": blend,
    "boosting": boosting,
    "mlp-bag": mlp_bag,
    "forest": forest,
    "logistic": logistic,
}
