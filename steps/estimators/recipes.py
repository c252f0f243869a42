"""The recipes of the recommended candidate by name: one model family, or a blend of three."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sklearn.pipeline import Pipeline

from steps.estimators.blend import Blend
from steps.estimators.boosting import BoostingBag
from steps.estimators.directed_logistic import DirectedLogistic
from steps.estimators.directed_networks import DirectedNetworks
from steps.estimators.forest import Forest
from steps.estimators.inputs import Steps, columns_and_ratios, normal_scores
from steps.estimators.ratios import DerivedRatios

# Takes column names and a seed; returns an unfitted pipeline for those columns in the units of the file.
Build = Callable[[Sequence[str], int], Pipeline]

# The inverse penalty strength of the logistic regression. In cross-validation, 0.03 to 1 rank alike.
PENALTY = 0.1


def logistic(names: Sequence[str], seed: int) -> Pipeline:
    """Return an unfitted logistic regression on normal scores, which is simple and fast and ranks well."""
    return Pipeline([*columns_and_ratios(names), *_logistic(names, seed)])


def boosting(names: Sequence[str], seed: int, *, bags: int = 4, trees: int = 60) -> Pipeline:
    """Return an unfitted bag of boosted ensembles on the named columns."""
    return Pipeline([*columns_and_ratios(names), ("boosting", _boosting(names, seed, bags, trees))])


def forest(names: Sequence[str], seed: int, *, trees: int = 75) -> Pipeline:
    """Return an unfitted forest on the named columns."""
    return Pipeline([*columns_and_ratios(names), ("forest", _forest(names, seed, trees))])


def networks(names: Sequence[str], seed: int) -> Pipeline:
    """Return unfitted neural networks on normal scores of the named columns."""
    return Pipeline([*columns_and_ratios(names), *_networks(names, seed)])


def blend(
    names: Sequence[str],
    seed: int,
    *,
    bags: int = 4,
    boosted_trees: int = 60,
    forest_trees: int = 75,
) -> Pipeline:
    """Return an unfitted blend of boosting, networks and forest on the named columns."""
    members = [
        ("boosting", _boosting(names, seed, bags, boosted_trees)),
        ("networks", Pipeline(_networks(names, seed))),
        ("forest", _forest(names, seed, forest_trees)),
    ]
    return Pipeline([*columns_and_ratios(names), ("blend", Blend(members))])


def _boosting(names: Sequence[str], seed: int, bags: int, trees: int) -> BoostingBag:
    return BoostingBag(bags, trees, seed=seed, directions=DerivedRatios(names).directions)


def _forest(names: Sequence[str], seed: int, trees: int) -> Forest:
    return Forest(trees, seed, DerivedRatios(names).directions)


def _logistic(names: Sequence[str], seed: int) -> Steps:
    classifier = DirectedLogistic(PENALTY, DerivedRatios(names).directions)
    return [*normal_scores(seed), ("logistic", classifier)]


def _networks(names: Sequence[str], seed: int) -> Steps:
    classifier = DirectedNetworks(seed=seed, directions=DerivedRatios(names).directions)
    return [*normal_scores(seed), ("networks", classifier)]


ESTIMATORS: dict[str, Build] = {
    "blend": blend,
    "boosting": boosting,
    "forest": forest,
    "logistic": logistic,
    "networks": networks,
}
