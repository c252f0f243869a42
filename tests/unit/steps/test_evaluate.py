"""Evaluate: selects a candidate, measures the served model, and decides whether it is registered."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.pipeline.evaluation import Execution

from inference.artifact import load
from steps import train_recommended
from steps.dataset.columns import TARGET
from steps.export.archive import pack_model, unpack_model
from steps.export.files import write_model
from steps.export.served import export_pipeline
from steps.job import JobError
from steps.measures.metrics import roc_auc
from steps.split import BY_RATIOS


def test_the_evaluation_has_all_parts(execution: Execution) -> None:
    evaluation = execution.run("--execution-id", "abc123")
    test = pd.read_parquet(execution.root / "test" / "test.parquet")
    assert evaluation["test"] == {
        "companies": len(test),
        "firms": len(test),
        "bankruptcies": int(test[TARGET].sum()),
    }
    assert evaluation["split_rule"] == BY_RATIOS
    assert set(evaluation["candidates"]) == {"baseline", "recommended"}
    for candidate in evaluation["candidates"].values():
        assert set(candidate) == {
            "estimator",
            "out_of_fold_roc_auc",
            "robustness",
            "roc_auc",
            "pr_auc",
            "brier",
            "ece",
            "ece_noise_floor",
            "recall_at_1_percent_fpr",
            "recall_at_5_percent_fpr",
            "recall_at_10_percent_fpr",
            "intervals",
            "comparison",
        }
        assert candidate["roc_auc"]["low"] <= candidate["roc_auc"]["value"] <= candidate["roc_auc"]["high"]
    selected = evaluation["candidates"][evaluation["selected"]["candidate"]]
    assert evaluation["gate"]["roc_auc"] == selected["roc_auc"]["value"]
    assert evaluation["gate"]["not_worse_than_champion"] == 1
    assert evaluation["binary_classification_metrics"]["auc"]["value"] == selected["roc_auc"]["value"]
    assert evaluation["champion"] is None
    assert evaluation["execution_id"] == "abc123"
    assert evaluation["data"]["file"] == "companies.csv"


def test_the_candidate_with_the_better_out_of_fold_roc_auc_is_selected(
    execution: Execution,
) -> None:
    # GIVEN test companies with inverted labels, so that the better candidate looks worse
    path = execution.root / "test" / "test.parquet"
    test = pd.read_parquet(path)
    test[TARGET] = 1 - test[TARGET]
    test.to_parquet(path)
    evaluation = execution.run()
    out_of_fold = {name: c["out_of_fold_roc_auc"] for name, c in evaluation["candidates"].items()}
    assert out_of_fold["recommended"] > out_of_fold["baseline"]
    assert evaluation["selected"]["candidate"] == "recommended"
    on_test = {name: c["roc_auc"]["value"] for name, c in evaluation["candidates"].items()}
    assert on_test["recommended"] < on_test["baseline"]


@pytest.mark.parametrize("candidate", ["baseline", "recommended"])
def test_the_named_candidate_is_registered_unchanged(execution: Execution, candidate: str) -> None:
    evaluation = execution.run("--register-candidate", candidate)
    assert evaluation["selected"]["candidate"] == candidate
    registered = (execution.root / "model" / "model.tar.gz").read_bytes()
    assert registered == (execution.root / candidate / "model.tar.gz").read_bytes()
    assert execution.contract()["candidate"] == candidate


def test_the_contract_has_metrics_and_a_known_answer(execution: Execution, tmp_path: Path) -> None:
    evaluation = execution.run()
    contract = execution.contract()
    selected = evaluation["candidates"][evaluation["selected"]["candidate"]]
    assert contract["metrics"]["roc_auc"] == selected["roc_auc"]
    assert contract["metrics"]["test_companies"] == evaluation["test"]["companies"]
    assert contract["contract"] == evaluation["selected"]["contract"]
    unpack_model(execution.root / "model" / "model.tar.gz", tmp_path / "served")
    model = load(tmp_path / "served")
    smoke_test = contract["smoke_test"]
    found = model.predict_proba(np.array([smoke_test["features"]]))[0]
    assert found == pytest.approx(smoke_test["probability"], abs=1e-9)
    assert 0.01 < smoke_test["probability"] < 0.99
    assert model.contract.names == tuple(feature["name"] for feature in contract["features"])


def test_metrics_are_those_of_the_served_model(execution: Execution, tmp_path: Path) -> None:
    evaluation = execution.run("--register-candidate", "baseline")
    test = pd.read_parquet(execution.root / "test" / "test.parquet")
    unpack_model(execution.root / "baseline" / "model.tar.gz", tmp_path / "served")
    model = load(tmp_path / "served")
    probability = model.predict_proba(test[list(model.contract.names)].to_numpy())
    assert evaluation["gate"]["roc_auc"] == roc_auc(test[TARGET].to_numpy(), probability)
    matrix = evaluation["binary_classification_metrics"]["confusion_matrix"]
    predicted = probability >= model.contract.threshold
    assert matrix["1"]["1"] == int(np.sum(predicted & (test[TARGET] == 1)))
    assert matrix["0"]["1"] == int(np.sum(predicted & (test[TARGET] == 0)))
    low, medium, high = evaluation["risk_levels"]
    assert (low["observed"]["recall"], medium["from"]) == (1.0, model.contract.threshold)
    assert medium["observed"]["recall"] == matrix["1"]["1"] / int(test[TARGET].sum())
    assert high["observed"]["false_positive_rate"] <= medium["observed"]["false_positive_rate"]
    assert set(medium["expected"]) == set(medium["observed"])
    groups = evaluation["calibration"]
    assert sum(group["companies"] for group in groups) == len(test)
    assert sum(group["bankruptcies"] for group in groups) == int(test[TARGET].sum())
    predicted = [group["predicted"] for group in groups]
    assert predicted == sorted(predicted)
    assert np.average(predicted, weights=[group["companies"] for group in groups]) == pytest.approx(
        probability.mean()
    )


@pytest.mark.parametrize(
    ("minimum", "verb"), [("0.7", "reaches MinRocAuc 0.7"), ("0.9999", "is below MinRocAuc 0.9999")]
)
def test_the_reason_compares_roc_auc_with_the_minimum(execution: Execution, minimum: str, verb: str) -> None:
    reason = execution.run("--min-roc-auc", minimum)["gate"]["reason"]
    assert verb in reason
    assert reason.endswith("; there is no champion to compare with.")


def test_the_reason_shows_a_near_miss_below_the_minimum(execution: Execution) -> None:
    reached = execution.run()["gate"]["roc_auc"]
    minimum = reached + 1e-6
    reason = execution.run("--min-roc-auc", str(minimum))["gate"]["reason"]
    shown = float(reason.split()[1])
    assert shown < minimum
    assert f"is below MinRocAuc {minimum}" in reason


def test_the_minimum_also_applies_out_of_fold(execution: Execution) -> None:
    # GIVEN a model that is good on unseen companies but not out of fold
    folder = execution.root / "odd"
    unpack_model(execution.root / "recommended" / "model.tar.gz", folder)
    contract = json.loads((folder / "model.json").read_text())["contract"]
    contract["out_of_fold"]["roc_auc"] = 0.7501
    audit = execution.audit("recommended")
    write_model(folder, export_pipeline(audit["pipeline"], audit["calibration"]), contract, audit)
    pack_model(folder, execution.root / "recommended" / "model.tar.gz")
    # WHEN it is judged THEN it fails if its out-of-fold ROC-AUC is below the minimum, and otherwise passes
    gate = execution.run("--register-candidate", "recommended", "--min-roc-auc", "0.76")["gate"]
    assert gate["roc_auc"] > 0.76
    assert (gate["out_of_fold_roc_auc"], gate["passed"]) == (0.7501, False)
    expected = "reaches MinRocAuc 0.76; 0.750 out of fold, on the training companies, is below it"
    assert expected in gate["reason"]
    gate = execution.run("--register-candidate", "recommended", "--min-roc-auc", "0.75")["gate"]
    assert gate["passed"] is True
    assert "out of fold" not in gate["reason"]


def test_a_model_trained_on_shuffled_labels_fails_even_with_a_low_minimum(
    execution: Execution, companies: Callable[..., pd.DataFrame]
) -> None:
    # GIVEN a good champion, many unseen companies, and a model trained on the champion's companies with half
    # of the labels shuffled
    execution.make_champion("recommended")
    unseen = companies(rows=2000, bankrupt=400, seed=1).assign(firm=range(2000))
    unseen.to_parquet(execution.root / "test" / "test.parquet")
    train = pd.read_parquet(execution.space.folder("train") / "train.parquet")
    generator = np.random.default_rng(0)
    half = generator.permutation(len(train))[: len(train) // 2]
    labels = train[TARGET].to_numpy(copy=True)
    labels[half] = labels[generator.permutation(half)]
    (execution.root / "train").mkdir()
    train.assign(**{TARGET: labels}).to_parquet(execution.root / "train" / "train.parquet")
    train_recommended.main(
        [
            *("--train", str(execution.root / "train"), "--model-dir", str(execution.root / "worse")),
            *execution.space.arguments("features"),
            *("--estimator", "logistic"),
        ]
    )
    pack_model(execution.root / "worse", execution.root / "recommended" / "model.tar.gz")
    # WHEN it is judged
    gate = execution.run("--register-candidate", "recommended", "--min-roc-auc", "0.6")["gate"]
    # THEN it reaches the minimum, but fails in the comparison
    assert gate["roc_auc"] > 0.6
    assert (gate["not_worse_than_champion"], gate["passed"]) == (0, False)
    assert re.search(
        r"reaches MinRocAuc 0\.6; it is significantly worse than the champion "
        r"\(ROC-AUC difference -0\.\d{4}, 95 % interval -0\.\d{4} to -0\.\d{4}; "
        r"log loss \+\d+\.\d %, 95 % interval \+\d+\.\d to \+\d+\.\d %\); "
        r"these companies are too few to detect a loss of less than 0\.\d{3} in ROC-AUC, or an increase of "
        r"less than \d+ % in log loss\.$",
        gate["reason"],
    )
    # AND passes without the comparison
    options = ("--register-candidate", "recommended", "--min-roc-auc", "0.6", "--compare-with-champion", "no")
    assert execution.run(*options)["gate"]["passed"] is True


def test_the_exported_model_must_equal_the_trained_one(execution: Execution) -> None:
    calibration = execution.audit("baseline")["calibration"]
    execution.rewrite(
        "baseline", calibration=dataclasses.replace(calibration, slope=calibration.slope * 1.001)
    )
    with pytest.raises(JobError, match="The exported baseline model differs from the trained one by up to"):
        execution.run()
    assert not (execution.root / "model").exists()


def test_candidates_are_compared_on_the_same_companies(execution: Execution) -> None:
    evaluation = execution.run("--register-candidate", "baseline")
    candidates = evaluation["candidates"]
    difference = candidates["recommended"]["comparison"]["roc_auc_difference"]
    assert difference["value"] == pytest.approx(
        candidates["baseline"]["roc_auc"]["value"] - candidates["recommended"]["roc_auc"]["value"]
    )
    assert difference["low"] < difference["value"] < difference["high"]
    assert candidates["baseline"]["comparison"] is None


def test_a_missing_candidate_is_reported(execution: Execution) -> None:
    (execution.root / "baseline" / "model.tar.gz").unlink()
    with pytest.raises(JobError, match="The baseline model is missing: "):
        execution.run()


def test_an_unknown_candidate_is_rejected(execution: Execution) -> None:
    with pytest.raises(
        JobError, match="RegisterCandidate is 'mine'; it must be one of best, baseline, recommended"
    ):
        execution.run("--register-candidate", "mine")
