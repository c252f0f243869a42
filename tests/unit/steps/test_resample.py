"""Resample: balances scaled training companies, all together and per fold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.combine import SMOTETomek

from steps import resample
from steps.dataset.columns import TARGET
from steps.estimators import samples
from steps.job import JobError


def run(space: Any, folder: Path, resampler: str) -> dict[str, Any]:
    resample.main(
        [*space.arguments("train", "features"), "--resampled", str(folder), "--resampler", resampler]
    )
    facts: dict[str, Any] = json.loads((folder / "resampling.json").read_text())
    return facts


def baseline_features(space: Any) -> list[str]:
    facts = json.loads((space.folder("features") / "features.json").read_text())
    names: list[str] = facts["candidates"]["baseline"]["features"]
    return names


@pytest.mark.parametrize("resampler", ["smote-tomek", "smote"])
def test_classes_are_balanced(trained: Any, tmp_path: Path, resampler: str) -> None:
    facts = run(trained, tmp_path, resampler)
    assert facts["resampler"] == resampler
    assert list(facts["counts"]) == ["whole", "fold-0", "fold-1", "fold-2", "fold-3", "fold-4"]
    for part, count in facts["counts"].items():
        frame = pd.read_parquet(tmp_path / f"{part}.parquet")
        assert count["after"] == {
            "bankrupt": int(frame[TARGET].sum()),
            "not_bankrupt": int((frame[TARGET] == 0).sum()),
        }
        assert count["after"]["bankrupt"] == count["after"]["not_bankrupt"] > count["before"]["bankrupt"]
        assert count["after"]["not_bankrupt"] <= count["before"]["not_bankrupt"]


def test_resampler_none_only_scales(trained: Any, tmp_path: Path) -> None:
    run(trained, tmp_path, "none")
    train = pd.read_parquet(trained.folder("train") / "train.parquet")
    names = baseline_features(trained)
    whole = pd.read_parquet(tmp_path / "whole.parquet")
    assert list(whole.columns) == [*names, TARGET]
    expected = (train[names] - train[names].mean()) / train[names].std(ddof=0)
    np.testing.assert_allclose(whole[names], expected, atol=1e-9)
    # The file of a fold has the companies of the other folds, scaled by those.
    others = train[train["fold"] != 3]
    fold = pd.read_parquet(tmp_path / "fold-3.parquet")
    assert len(fold) == len(others)
    np.testing.assert_allclose(fold[names].mean(), 0, atol=1e-9)
    assert fold[TARGET].tolist() == others[TARGET].tolist()


def test_smote_keeps_real_companies_and_interpolates_between_bankrupt_ones(
    trained: Any, tmp_path: Path
) -> None:
    run(trained, tmp_path / "none", "none")
    run(trained, tmp_path / "smote", "smote")
    real = pd.read_parquet(tmp_path / "none" / "whole.parquet")
    resampled = pd.read_parquet(tmp_path / "smote" / "whole.parquet")
    pd.testing.assert_frame_equal(resampled.head(len(real)), real)
    drawn = resampled[len(real) :]
    assert (drawn[TARGET] == 1).all()
    bankrupt = real[real[TARGET] == 1]
    assert (drawn.min() >= bankrupt.min() - 1e-12).all()
    assert (drawn.max() <= bankrupt.max() + 1e-12).all()


def test_very_many_companies_are_sampled_before_resampling(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(trained, tmp_path / "all", "none")
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", 300)
    facts = run(trained, tmp_path / "sample", "none")
    for part, count in facts["counts"].items():
        everyone = pd.read_parquet(tmp_path / "all" / f"{part}.parquet")
        drawn = pd.read_parquet(tmp_path / "sample" / f"{part}.parquet")
        assert sum(count["before"].values()) == len(drawn) == pytest.approx(300, abs=1)
        assert drawn[TARGET].mean() == pytest.approx(everyone[TARGET].mean(), abs=0.005)
        # The sample is scaled by all companies, as in TrainBaseline.
        assert set(map(tuple, drawn.to_numpy())) <= set(map(tuple, everyone.to_numpy()))


def test_an_unknown_resampler_is_rejected(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="Resampler is 'adasyn'; it must be one of smote-tomek, smote, none"):
        run(trained, tmp_path, "adasyn")


def test_missing_features_are_reported(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"list of selected features is missing: .*features\.json"):
        resample.main([*trained.arguments("train"), "--features", str(tmp_path)])


def test_smote_tomek_equals_imbalanced_learn_within_one_block() -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(600, 3))
    y = (X[:, 0] + random.normal(size=600) > 1.5).astype(np.int8)
    expected, labels = SMOTETomek(random_state=7).fit_resample(X, y)
    found = resample.resample("smote-tomek", X, y, 7)
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], labels)
    assert len(labels) < 2 * (y == 0).sum()  # Some links were removed.


def test_links_are_found_within_blocks_of_close_companies() -> None:
    # GIVEN pairs of opposite classes on a line, and many companies at one point
    places = np.repeat(np.arange(100.0), 2) * 10 + np.tile([0.0, 1.0], 100)
    X = np.column_stack([np.concatenate([places, np.full(300, -500.0)]), np.zeros(500)])
    y = np.concatenate([np.tile([0, 1], 100), np.zeros(300)]).astype(np.int8)
    # WHEN links are searched in blocks of 64 THEN the pairs within a block are found
    kept = resample.without_tomek_links(X, y, largest=64)
    linked = np.setdiff1d(np.arange(500), kept)
    assert set(linked) <= set(range(200))
    assert len(linked) >= 190
    assert len(resample.without_tomek_links(X, y)) == 300
