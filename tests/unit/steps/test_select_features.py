"""SelectFeatures: each candidate's columns, and the reasons for rejecting the others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest, f_classif

from steps import select_features
from steps.dataset.columns import RATIOS, TARGET
from steps.job import JobError
from steps.split import BY_RATIOS, is_test

Companies = Callable[..., pd.DataFrame]


@pytest.fixture
def train(companies: Companies) -> pd.DataFrame:
    return companies(rows=400, bankrupt=80).assign(fold=np.int8(0))


def test_the_baseline_equals_select_k_best(train: pd.DataFrame) -> None:
    chosen = select_features.select(train, 20, 0)["baseline"]
    usable = [name for name in RATIOS if name not in ("Net Income Flag", "Current Liability to Liability")]
    best = SelectKBest(f_classif, k=20).fit(train[usable].to_numpy(), train[TARGET])
    assert chosen["features"] == [name for name, kept in zip(usable, best.get_support(), strict=True) if kept]
    assert list(chosen["scores"]) == usable
    np.testing.assert_allclose(list(chosen["scores"].values()), best.scores_, rtol=1e-12)


def test_informative_columns_are_found(train: pd.DataFrame) -> None:
    for chosen in select_features.select(train, 20, 0).values():
        assert set(RATIOS[:8]) <= set(chosen["features"])


def test_the_recommended_selection_ignores_units_unlike_the_baseline(train: pd.DataFrame) -> None:
    # GIVEN a column that separates the classes, with a few values in a unit 1e10 times larger
    signal = train[TARGET] + np.random.default_rng(1).uniform(0, 1, len(train))
    train["Quick Ratio"] = np.where(np.arange(len(train)) % 50 == 0, 1e10 * signal, signal)
    chosen = select_features.select(train, 5, 0)
    # THEN only the recommended selection uses it
    assert "Quick Ratio" in chosen["recommended"]["features"]
    assert "Quick Ratio" not in chosen["baseline"]["features"]


def test_every_rejected_column_has_a_reason(train: pd.DataFrame) -> None:
    for chosen in select_features.select(train, 20, 0).values():
        rejected = chosen["rejected"]
        assert rejected["Net Income Flag"] == "constant: every training company has 1"
        assert rejected["Current Liability to Liability"] == "duplicate of Current Liabilities/Liability"
        assert set(rejected) | set(chosen["features"]) == set(RATIOS)
        assert len(rejected) == 75
        ranks = [int(why.split()[3]) for why in rejected.values() if why.startswith("lower score: rank")]
        assert sorted(ranks) == list(range(21, 94))


def test_all_columns_can_be_selected(train: pd.DataFrame) -> None:
    for chosen in select_features.select(train, 95, 0).values():
        assert len(chosen["features"]) == 93


def test_equal_scores_prefer_the_earlier_column(train: pd.DataFrame) -> None:
    # GIVEN a negated column, which has the same score but is not a duplicate
    train["Equity to Liability"] = -train[RATIOS[0]]
    chosen = select_features.select(train[[TARGET, *RATIOS]], 93, 0)["baseline"]["scores"]
    assert chosen["Equity to Liability"] == pytest.approx(chosen[RATIOS[0]])
    keep = [RATIOS[0], "Equity to Liability"]
    frame = train.assign(**{name: 0.0 for name in RATIOS if name not in keep})
    assert select_features.select(frame, 1, 0)["recommended"]["features"] == [RATIOS[0]]


def test_a_perfect_column_has_a_finite_score(train: pd.DataFrame) -> None:
    train["Quick Ratio"] = train[TARGET].astype(float)
    chosen = select_features.select(train, 3, 0)["baseline"]
    assert "Quick Ratio" in chosen["features"]
    json.dumps(chosen, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda ratios: ratios * 0 + 0.5, "Every ratio is constant over the training companies"),
        # Values that differ only after the third digit.
        (lambda ratios: 0.5 + ratios * 1e-7, "Every ratio is sensitive to rounding"),
    ],
)
def test_a_file_without_columns_to_select_is_refused_before_the_step_runs(
    companies: Companies, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], problem: str
) -> None:
    frame = companies(rows=400, bankrupt=80)
    frame[list(RATIOS)] = change(frame[list(RATIOS)])
    path = tmp_path / "data.csv"
    # Without firms, companies with identical ratios would be one firm.
    frame[[TARGET, *RATIOS]].assign(firm_id=range(400)).to_csv(path, index=False)
    with pytest.raises(JobError, match=problem):
        select_features.check(path)
    with pytest.raises(JobError, match=problem):
        select_features.main(["--data", str(tmp_path)])


def test_a_file_is_checked_without_scikit_learn_which_takes_seconds_to_import(
    companies: Companies, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    companies(rows=400, bankrupt=80).to_csv(path, index=False)
    script = (
        "import sys; from pathlib import Path; from steps.select_features import check\n"
        "print(len(check(Path(sys.argv[1]))), 'sklearn' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert ran.stdout == "400 False\n"


@pytest.mark.parametrize("count", ["0", "96", "-1"])
def test_a_feature_count_out_of_range_is_rejected(tmp_path: Path, count: str) -> None:
    with pytest.raises(JobError, match=f"FeatureCount is {count}; it must be between 1 and 95"):
        select_features.main(["--data", str(tmp_path), "--feature-count", count])


def test_the_outputs_of_select_features(trained: Any) -> None:
    train = pd.read_parquet(trained.folder("train") / "train.parquet")
    test = pd.read_parquet(trained.folder("test") / "test.parquet")
    facts = json.loads((trained.folder("features") / "features.json").read_text())
    assert list(test.columns) == [TARGET, *RATIOS, "firm"]
    assert list(train.columns) == [TARGET, *RATIOS, "firm", "fold"]
    assert train[RATIOS[0]].dtype == np.float64
    assert train[TARGET].dtype == test[TARGET].dtype == train["fold"].dtype == np.int8
    assert facts["data"]["companies"] == 600
    assert len(facts["data"]["sha256"]) == 64
    for name, side in (("train", train), ("test", test)):
        counts = {"companies": len(side), "firms": len(side), "bankruptcies": int(side[TARGET].sum())}
        assert facts["split"][name] == counts
    assert facts["split"]["rule"] == BY_RATIOS
    assert sum(fold["companies"] for fold in facts["split"]["folds"]) == len(train)
    assert facts["feature_count"] == 20
    assert {name: len(c["features"]) for name, c in facts["candidates"].items()} == {
        "baseline": 20,
        "recommended": 20,
    }


def test_test_companies_do_not_influence_the_selection(
    companies: Companies, data_file: Any, tmp_path: Path
) -> None:
    # GIVEN two files that only differ in the labels of test companies
    frame = companies()
    other = frame.copy()
    other.loc[is_test(frame), TARGET] = 1 - other.loc[is_test(frame), TARGET]
    chosen = []
    for name, content in (("a", frame), ("b", other)):
        data_file(tmp_path / name / "data" / "companies.csv", content)
        arguments = [
            word
            for part in ("data", "train", "test", "features")
            for word in (f"--{part}", str(tmp_path / name / part))
        ]
        select_features.main(arguments)
        chosen.append(json.loads((tmp_path / name / "features" / "features.json").read_text())["candidates"])
    assert chosen[0] == chosen[1]
