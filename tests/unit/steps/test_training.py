"""Both training jobs: their outputs, and equal bytes for equal inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from inference.artifact import load
from inference.contract import contract_hash
from steps import train_baseline, train_recommended, training
from steps.dataset.columns import TARGET
from steps.dataset.units import MIXED_UNITS
from steps.frames import read_frame
from steps.job import JobError
from steps.measures.calibration import Calibration
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import roc_auc
from steps.training import (
    Candidate,
    TrainingSet,
    default_processes,
    read_training_set,
    train_candidate,
)


def read_model(folder: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return description


@pytest.mark.parametrize(("candidate", "estimator"), [("baseline", "mlp"), ("recommended", "logistic")])
def test_the_contract_describes_the_training_data(trained: Any, candidate: str, estimator: str) -> None:
    contract = read_model(trained.folder(f"model-{candidate}"))["contract"]
    facts = json.loads((trained.folder("features") / "features.json").read_text())
    train = pd.read_parquet(trained.folder("train") / "train.parquet")
    names = facts["candidates"][candidate]["features"]
    assert [feature["name"] for feature in contract["features"]] == names
    assert contract["contract"] == contract_hash(names)
    assert [feature["min"] for feature in contract["features"]] == train[names].min().tolist()
    assert [feature["max"] for feature in contract["features"]] == train[names].max().tolist()
    assert [feature["median"] for feature in contract["features"]] == train[names].median().tolist()
    assert (contract["candidate"], contract["estimator"]) == (candidate, estimator)
    assert [level["level"] for level in contract["risk_levels"]] == ["low", "medium", "high"]
    assert contract["threshold"] == contract["risk_levels"][1]["from"]
    assert contract["risk_levels"][1]["expected"]["false_positive_rate"] <= 0.05
    assert contract["out_of_fold"]["companies"] == len(train)
    assert contract["out_of_fold"]["bankruptcies"] == int(train[TARGET].sum())
    assert 0.85 < contract["out_of_fold"]["roc_auc"] < 1


def test_the_contract_states_the_two_units_of_the_columns_that_the_model_converts(trained: Any) -> None:
    features = read_model(trained.folder("model-recommended"))["contract"]["features"]
    units = {feature["name"]: feature.get("two_units") for feature in features}
    expected = {
        "largest_small": 1.0000001,
        "small_factor": 1e4,
        "smallest_large": 1e5,
        "large_factor": 1e-10,
    }
    assert {name for name, two_units in units.items() if two_units} == set(units) & set(MIXED_UNITS) != set()
    assert all(two_units == expected for two_units in units.values() if two_units)
    # The baseline takes the columns as they are.
    baseline = read_model(trained.folder("model-baseline"))["contract"]["features"]
    assert not any("two_units" in feature for feature in baseline)


@pytest.mark.parametrize("candidate", ["baseline", "recommended"])
def test_the_contract_has_a_known_answer_by_scikit_learn(trained: Any, candidate: str) -> None:
    folder = trained.folder(f"model-{candidate}")
    contract = read_model(folder)["contract"]
    known, names = contract["smoke_test"], [feature["name"] for feature in contract["features"]]
    train = read_frame(trained.folder("train"), "train.parquet", [*names, TARGET])
    assert known["features"] == train.loc[train[TARGET] == 1, names].median().tolist()
    audit = joblib.load(folder / "model.joblib")
    logit = pipeline_logit(audit["pipeline"], np.array([known["features"]]))
    assert known["probability"] == pytest.approx(audit["calibration"].apply(logit)[0], abs=1e-12)
    assert 0.01 < known["probability"] < 0.999


@pytest.mark.parametrize("candidate", ["baseline", "recommended"])
def test_the_served_model_equals_the_audit_copy(trained: Any, candidate: str) -> None:
    folder = trained.folder(f"model-{candidate}")
    audit = joblib.load(folder / "model.joblib")
    test = pd.read_parquet(trained.folder("test") / "test.parquet")
    X = test[audit["features"]].to_numpy()
    expected = audit["calibration"].apply(pipeline_logit(audit["pipeline"], X))
    np.testing.assert_allclose(load(folder).predict_proba(X), expected, atol=1e-12)
    assert isinstance(audit["calibration"], Calibration)


def test_the_baseline_is_the_described_recipe(trained: Any) -> None:
    pipeline = joblib.load(trained.folder("model-baseline") / "model.joblib")["pipeline"]
    assert [name for name, _ in pipeline.steps] == ["scale", "mlp"]
    parameters = pipeline["mlp"].get_params()
    expected = {
        "hidden_layer_sizes": (100, 50),
        "activation": "relu",
        "solver": "adam",
        "alpha": 0.001,
        "learning_rate": "adaptive",
        "learning_rate_init": 0.001,
        "max_iter": 1000,
        "early_stopping": True,
        "validation_fraction": 0.1,
        "n_iter_no_change": 10,
        "random_state": 42,
    }
    assert {name: parameters[name] for name in expected} == expected
    # The scaler is fitted on real companies, not on resampled ones.
    train = pd.read_parquet(trained.folder("train") / "train.parquet")
    names = joblib.load(trained.folder("model-baseline") / "model.joblib")["features"]
    np.testing.assert_allclose(pipeline["scale"].mean_, train[names].mean(), rtol=1e-9)
    assert pipeline["scale"].n_samples_seen_ == len(train)


def test_metrics_are_logged_for_metric_definitions(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*trained.arguments("train", "features"), "--model-dir", str(tmp_path)]
    train_recommended.main([*arguments, "--estimator", "logistic", "--random-seed", "42"])
    logged = dict(line.split("=") for line in capsys.readouterr().out.splitlines() if "=" in line)
    assert list(logged) == ["roc_auc", "pr_auc", "brier", "ece"]
    out_of_fold = read_model(tmp_path)["contract"]["out_of_fold"]
    assert float(logged["roc_auc"]) == pytest.approx(out_of_fold["roc_auc"], abs=1e-6)


@pytest.mark.parametrize("candidate", ["baseline", "recommended"])
def test_the_number_of_processes_does_not_change_the_bytes(
    trained: Any, tmp_path: Path, candidate: str
) -> None:
    arguments = [*trained.arguments("train", "features"), "--model-dir", str(tmp_path), "--processes", "2"]
    if candidate == "baseline":
        train_baseline.main([*arguments, *trained.arguments("resampled")])
    else:
        train_recommended.main([*arguments, "--estimator", "logistic"])
    folder = trained.folder(f"model-{candidate}")
    assert (tmp_path / "model.npz").read_bytes() == (folder / "model.npz").read_bytes()
    assert (tmp_path / "model.json").read_bytes() == (folder / "model.json").read_bytes()


def test_few_companies_are_fitted_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def companies(rows: int) -> TrainingSet:
        return TrainingSet(["ratio"], np.zeros((rows, 1)), np.zeros(rows, np.int8), np.zeros(rows, np.int8))

    monkeypatch.setattr(training, "available_cores", lambda: 7)
    assert default_processes(companies(999)) == 1
    assert default_processes(companies(1000)) == 7


def test_the_seed_changes_the_network(trained: Any, tmp_path: Path) -> None:
    arguments = [*trained.arguments("train", "features", "resampled"), "--model-dir", str(tmp_path)]
    train_baseline.main([*arguments, "--processes", "1", "--random-seed", "7"])
    other = (trained.folder("model-baseline") / "model.npz").read_bytes()
    assert (tmp_path / "model.npz").read_bytes() != other


def test_an_unknown_estimator_is_rejected(trained: Any, tmp_path: Path) -> None:
    arguments = [*trained.arguments("train", "features"), "--model-dir", str(tmp_path)]
    with pytest.raises(
        JobError, match="Estimator is 'magic'; it must be one of blend, boosting, forest, logistic, networks"
    ):
        train_recommended.main([*arguments, "--estimator", "magic"])
    assert not any(tmp_path.iterdir())


def test_out_of_fold_predictions_are_for_unseen_companies(trained: Any, tmp_path: Path) -> None:
    # GIVEN a fit that records its companies
    data = read_training_set(trained.folder("train"), trained.folder("features"), "recommended")
    seen: dict[int | None, int] = {}

    def fit(held_out: int | None) -> Any:
        companies = data.outside(held_out)
        seen[held_out] = int(companies.sum())
        assert held_out is None or not np.any(data.fold[companies] == held_out)
        return train_recommended.fit_recommended(data, train_recommended.ESTIMATORS["logistic"], 42, held_out)

    train_candidate(Candidate("recommended", "logistic"), data, fit, tmp_path, processes=1)
    assert list(seen) == [None, 0, 1, 2, 3, 4]
    assert seen[None] == len(data.y)
    assert sum(len(data.y) - seen[k] for k in range(5)) == len(data.y)


def test_the_baseline_network_of_a_fold_uses_only_that_folds_companies(trained: Any, tmp_path: Path) -> None:
    # GIVEN only the resampled companies outside fold 3
    shutil.copy(trained.folder("resampled") / "fold-3.parquet", tmp_path)
    data = read_training_set(trained.folder("train"), trained.folder("features"), "baseline")
    pipeline = train_baseline.fit_baseline(data, tmp_path, 42, 3)
    assert pipeline["scale"].n_samples_seen_ == np.sum(data.fold != 3) < len(data.y)
    with pytest.raises(JobError, match=r"whole\.parquet"):
        train_baseline.fit_baseline(data, tmp_path, 42, None)


def test_noise_is_not_learned(trained: Any, tmp_path: Path) -> None:
    # GIVEN random labels, which a model could only memorize
    data = read_training_set(trained.folder("train"), trained.folder("features"), "recommended")
    labels = np.random.default_rng(0).permutation(data.y)
    shuffled = TrainingSet(data.names, data.X, labels, data.fold)

    def fit(held_out: int | None) -> Any:
        return train_recommended.fit_recommended(
            shuffled, train_recommended.ESTIMATORS["logistic"], 42, held_out
        )

    train_candidate(Candidate("recommended", "logistic"), shuffled, fit, tmp_path, processes=1)
    assert 0.4 < read_model(tmp_path)["contract"]["out_of_fold"]["roc_auc"] < 0.6
    probability = load(tmp_path).predict_proba(data.X)
    assert probability.std() < 0.1
    assert roc_auc(labels, probability) >= 0.5
