"""With many companies each member of an ensemble sees a sample of its own; with few nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from steps.estimators import boosting, forest, samples
from steps.estimators.boosting import BoostingBag
from steps.estimators.forest import Forest

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(400, 3))
Y = (X[:, 0] + RANDOM.normal(size=400) > 1).astype(np.int8)


def test_a_sample_keeps_the_classes_shares_and_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = samples.stratified(Y, 0.5, np.random.default_rng(1))
    assert len(np.unique(drawn)) == len(drawn)
    assert np.bincount(Y[drawn]) == pytest.approx(np.bincount(Y) / 2, abs=1)
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", 100)
    bounded = samples.stratified(Y, 0.5, np.random.default_rng(1))
    assert np.bincount(Y[bounded]) == pytest.approx(np.bincount(Y) / 4, abs=1)


def test_a_forests_trees_see_a_sample_above_the_bound_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Forest(3).fit(X, Y).forest_.max_samples is None
    monkeypatch.setattr(forest, "LARGEST_SAMPLE_OF_A_TREE", 100)
    bounded = Forest(3).fit(X, Y).forest_
    assert bounded.bootstrap
    # The root of a tree weighs what it was grown on.
    assert [tree.tree_.weighted_n_node_samples[0] for tree in bounded.estimators_] == [100] * 3


def test_a_boosted_ensemble_sees_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = boosting.stratified

    def noted(*arguments: object) -> object:
        drawn = original(*arguments)  # type: ignore[arg-type]
        seen.append(len(drawn))
        return drawn

    monkeypatch.setattr(boosting, "stratified", noted)
    BoostingBag(2, 2).fit(X, Y)
    assert seen == pytest.approx([320, 320], abs=1)
