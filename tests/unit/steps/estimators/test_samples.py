"""With many companies, estimators are fitted on samples."""

from __future__ import annotations

import numpy as np
import pytest

from steps.estimators import forest, samples
from steps.estimators.boosting import BoostingBag
from steps.estimators.directed_networks import DirectedNetworks
from steps.estimators.forest import Forest

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(400, 3))
Y = (X[:, 0] + RANDOM.normal(size=400) > 1).astype(np.int8)


def test_a_sample_keeps_the_class_shares_and_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = samples.stratified(Y, 0.5, np.random.default_rng(1))
    assert len(np.unique(drawn)) == len(drawn)
    assert np.bincount(Y[drawn]) == pytest.approx(np.bincount(Y) / 2, abs=1)
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", 100)
    bounded = samples.stratified(Y, 0.5, np.random.default_rng(1))
    assert np.bincount(Y[bounded]) == pytest.approx(np.bincount(Y) / 4, abs=1)


def test_a_small_class_is_not_lost() -> None:
    y = np.array([0] * 1000 + [1])
    assert samples.stratified(y, 0.1, np.random.default_rng(1))[-1] == 1000


def test_all_companies_are_used_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", len(Y))
    assert samples.bounded(Y, 3).tolist() == list(range(len(Y)))
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", 100)
    drawn = samples.bounded(Y, 3)
    assert (np.diff(drawn) > 0).all()
    assert np.bincount(Y[drawn]) == pytest.approx(np.bincount(Y) / 4, abs=1)
    assert drawn.tolist() != samples.bounded(Y, 4).tolist()


def test_the_trees_of_a_forest_use_samples_only_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Forest(3).fit(X, Y).forest_.max_samples is None
    monkeypatch.setattr(forest, "LARGEST_SAMPLE_OF_A_TREE", 100)
    bounded = Forest(3).fit(X, Y).forest_
    assert bounded.bootstrap
    # The weight of a tree's root is the number of companies it was fitted on.
    assert [tree.tree_.weighted_n_node_samples[0] for tree in bounded.estimators_] == [100] * 3


@pytest.mark.parametrize("classifier", [BoostingBag(2, 3), DirectedNetworks(2)])
def test_boosting_and_networks_use_samples_only_above_the_limit(
    classifier: BoostingBag | DirectedNetworks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit() -> bytes:
        return classifier.fit(X, Y).decision_function(X).tobytes()

    unbounded = fit()
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", len(Y))
    assert fit() == unbounded
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", 100)
    assert fit() == fit() != unbounded
