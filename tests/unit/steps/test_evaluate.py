"""Evaluate: selection, gate, comparison with the champion, and outputs."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

import inference
from steps import evaluate, train_recommended
from steps.dataset.columns import TARGET
from steps.export.archive import pack_model, unpack_model
from steps.export.files import write_model
from steps.export.served import export_pipeline
from steps.job import JobError
from steps.measures.metrics import roc_auc
from steps.split import BY_FIRM_ID, BY_RATIOS


class Execution:
    """A copy of Evaluate's inputs that a test can change."""

    def __init__(self, space: Any, root: Path) -> None:
        self.space, self.root = space, root
        for name in ("baseline", "recommended", "champion"):
            shutil.copytree(space.folder(name), root / name)
        shutil.copytree(space.folder("test"), root / "test")

    def run(self, *options: str) -> dict[str, Any]:
        names = ("baseline", "recommended", "test", "champion", "evaluation", "model")
        folders = [word for name in names for word in (f"--{name}", str(self.root / name))]
        evaluate.main([*folders, *self.space.arguments("features"), *options])
        evaluation: dict[str, Any] = json.loads((self.root / "evaluation" / "evaluation.json").read_text())
        return evaluation

    def contract(self) -> dict[str, Any]:
        contract: dict[str, Any] = json.loads((self.root / "model" / "contract.json").read_text())
        return contract

    def make_champion(self, candidate: str) -> None:
        shutil.copy(self.root / candidate / "model.tar.gz", self.root / "champion" / "model.tar.gz")

    def rewrite(self, name: str, **changes: Any) -> None:
        """Export the candidate `name` again with another calibration, contract or audit copy."""
        folder = self.root / "rewritten"
        unpack_model(self.root / name / "model.tar.gz", folder)
        audit = joblib.load(folder / "model.joblib")
        contract = json.loads((folder / "model.json").read_text())["contract"]
        del contract["smoke_test"]  # The known answer is that of the model before the change.
        served = export_pipeline(audit["pipeline"], changes.get("calibration", audit["calibration"]))
        write_model(folder, served, contract | changes.get("contract", {}), changes.get("audit", audit))
        pack_model(folder, self.root / name / "model.tar.gz")
        shutil.rmtree(folder)

    def audit(self, name: str) -> dict[str, Any]:
        folder = self.root / "audited"
        unpack_model(self.root / name / "model.tar.gz", folder)
        audit: dict[str, Any] = joblib.load(folder / "model.joblib")
        shutil.rmtree(folder)
        return audit


@pytest.fixture
def execution(trained: Any, tmp_path: Path) -> Execution:
    return Execution(trained, tmp_path)


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
    model = inference.load(tmp_path / "served")
    smoke_test = contract["smoke_test"]
    found = model.predict_proba(np.array([smoke_test["features"]]))[0]
    assert found == pytest.approx(smoke_test["probability"], abs=1e-9)
    assert 0.01 < smoke_test["probability"] < 0.99
    assert model.contract.names == tuple(feature["name"] for feature in contract["features"])


def test_metrics_are_those_of_the_served_model(execution: Execution, tmp_path: Path) -> None:
    evaluation = execution.run("--register-candidate", "baseline")
    test = pd.read_parquet(execution.root / "test" / "test.parquet")
    unpack_model(execution.root / "baseline" / "model.tar.gz", tmp_path / "served")
    model = inference.load(tmp_path / "served")
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


def test_a_model_is_not_worse_than_itself(execution: Execution) -> None:
    execution.make_champion("recommended")
    evaluation = execution.run("--register-candidate", "recommended")
    assert evaluation["gate"]["not_worse_than_champion"] == 1
    no_difference = {"value": 0, "low": 0, "high": 0}
    assert evaluation["champion"]["comparison"]["roc_auc_difference"] == no_difference
    assert evaluation["champion"]["comparison"]["log_loss_increase"] == no_difference
    assert evaluation["champion"]["roc_auc"] == evaluation["candidates"]["recommended"]["roc_auc"]


def test_much_worse_probabilities_with_equal_ranking_are_significantly_worse(execution: Execution) -> None:
    # GIVEN a copy of the champion with log-odds that are three times too large
    execution.make_champion("recommended")
    calibration = execution.audit("recommended")["calibration"]
    overconfident = dataclasses.replace(
        calibration, slope=calibration.slope * 3, intercept=calibration.intercept * 3
    )
    audit = execution.audit("recommended") | {"calibration": overconfident}
    execution.rewrite("recommended", calibration=overconfident, audit=audit)
    # WHEN it is judged THEN its ranking is equal, but it fails because of its log loss
    evaluation = execution.run("--register-candidate", "recommended")
    comparison = evaluation["champion"]["comparison"]
    assert comparison["roc_auc_difference"]["value"] == 0
    assert comparison["log_loss_increase"]["low"] > 0.02
    assert evaluation["gate"]["passed"] is False


def test_a_model_that_is_significantly_worse_than_the_champion_fails(execution: Execution) -> None:
    # GIVEN a good champion, and a candidate with random coefficients
    execution.make_champion("recommended")
    audit = execution.audit("recommended")
    coefficients = audit["pipeline"]["logistic"].coefficients_
    audit["pipeline"]["logistic"].coefficients_ = np.random.default_rng(0).normal(size=coefficients.shape)
    folder = execution.root / "worse"
    unpack_model(execution.root / "recommended" / "model.tar.gz", folder)
    contract = json.loads((folder / "model.json").read_text())["contract"]
    del contract["smoke_test"]
    write_model(folder, export_pipeline(audit["pipeline"], audit["calibration"]), contract, audit)
    pack_model(folder, execution.root / "recommended" / "model.tar.gz")
    # WHEN it is judged
    evaluation = execution.run("--register-candidate", "recommended", "--min-roc-auc", "0.1")
    # THEN it fails, although its own ROC-AUC is high enough
    assert evaluation["gate"]["not_worse_than_champion"] == 0
    assert (
        "it is significantly worse than the champion (ROC-AUC difference -0." in evaluation["gate"]["reason"]
    )


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


def test_the_champion_is_never_unpickled(execution: Execution) -> None:
    # GIVEN a champion whose model.joblib runs code when unpickled
    marker = execution.root / "executed"
    execution.rewrite("recommended", audit=RunsOnLoad(str(marker)))
    execution.make_champion("recommended")
    shutil.copy(execution.space.folder("recommended") / "model.tar.gz", execution.root / "recommended")
    evaluation = execution.run()
    assert evaluation["champion"] is not None
    assert not marker.exists()


class RunsOnLoad:
    """An object that creates a directory when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.mkdir, (Path(self.path),)


def test_a_champion_with_unknown_columns_is_not_compared(execution: Execution) -> None:
    execution.make_champion("recommended")
    audit = execution.audit("recommended")
    folder = execution.root / "renamed"
    unpack_model(execution.root / "champion" / "model.tar.gz", folder)
    contract = json.loads((folder / "model.json").read_text())["contract"]
    contract["features"][0]["name"] = "Goodwill"
    contract["contract"] = inference.contract_hash([feature["name"] for feature in contract["features"]])
    write_model(folder, export_pipeline(audit["pipeline"], audit["calibration"]), contract, audit)
    pack_model(folder, execution.root / "champion" / "model.tar.gz")
    evaluation = execution.run()
    assert evaluation["champion"]["compared"] is False
    assert evaluation["champion"]["reason"].endswith("the data lacks its columns Goodwill")


def test_the_exported_model_must_equal_the_trained_one(execution: Execution) -> None:
    calibration = execution.audit("baseline")["calibration"]
    execution.rewrite(
        "baseline", calibration=dataclasses.replace(calibration, slope=calibration.slope * 1.001)
    )
    with pytest.raises(JobError, match="The exported baseline model differs from the trained one by up to"):
        execution.run()
    assert not (execution.root / "model").exists()


def test_an_unreadable_champion_is_reported_and_blocks_no_model(execution: Execution) -> None:
    # GIVEN a champion from another version of this code
    folder = execution.root / "newer"
    unpack_model(execution.root / "recommended" / "model.tar.gz", folder)
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(description | {"format": 99}))
    pack_model(folder, execution.root / "champion" / "model.tar.gz")
    # WHEN a good model is judged
    evaluation = execution.run()
    # THEN it passes without comparison, and the evaluation and the reason say so
    assert evaluation["gate"]["not_worse_than_champion"] == 1
    assert evaluation["champion"]["compared"] is False
    assert "has the format 99; this code reads" in evaluation["champion"]["reason"]
    assert (
        "it was NOT compared with the champion (The champion model cannot be read"
        in evaluation["gate"]["reason"]
    )


def test_a_champion_without_training_facts_is_compared(execution: Execution) -> None:
    # GIVEN a champion without facts about its training
    folder = execution.root / "older"
    unpack_model(execution.root / "recommended" / "model.tar.gz", folder)
    description = json.loads((folder / "model.json").read_text())
    for fact in ("training", "out_of_fold", "candidate", "estimator"):
        del description["contract"][fact]
    (folder / "model.json").write_text(json.dumps(description))
    pack_model(folder, execution.root / "champion" / "model.tar.gz")
    # WHEN a model is judged THEN it is compared, but the drift is unknown
    evaluation = execution.run()
    assert evaluation["champion"]["compared"] is True
    assert evaluation["drift"] is None
    report = (execution.root / "evaluation" / "report.html").read_text(encoding="utf-8")
    assert "The champion has no profile of its training data." in report


def test_a_champion_of_another_split_rule_is_not_compared(execution: Execution) -> None:
    # GIVEN a champion whose unseen companies were chosen in another way than those that judge here
    execution.make_champion("recommended")
    folder = execution.root / "other"
    unpack_model(execution.root / "champion" / "model.tar.gz", folder)
    description = json.loads((folder / "model.json").read_text())
    assert description["contract"]["training"]["split_rule"] == BY_RATIOS
    description["contract"]["training"]["split_rule"] = BY_FIRM_ID
    (folder / "model.json").write_text(json.dumps(description))
    pack_model(folder, execution.root / "champion" / "model.tar.gz")
    # WHEN a model is judged
    evaluation = execution.run()
    # THEN the champion is left out, and the reason names both rules
    assert evaluation["champion"] == {
        "compared": False,
        "reason": "it was trained on some of the companies that are unseen here: its own unseen companies "
        f"were {BY_FIRM_ID}; now they are {BY_RATIOS}",
    }
    assert evaluation["gate"]["not_worse_than_champion"] == 1


def test_comparing_can_be_switched_off(execution: Execution) -> None:
    (execution.root / "champion" / "model.tar.gz").write_bytes(b"no archive")
    evaluation = execution.run("--compare-with-champion", "no")
    assert evaluation["champion"] == {"compared": False, "reason": "CompareWithChampion is no"}
    assert evaluation["gate"]["reason"].endswith(
        "it was NOT compared with the champion (CompareWithChampion is no)."
    )
    with pytest.raises(JobError, match="CompareWithChampion is 'perhaps'; it must be one of yes, no"):
        execution.run("--compare-with-champion", "perhaps")


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
