"""Evaluate compares the model with the champion."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pipeline.evaluation import Execution

from inference.contract import contract_hash
from steps.export.archive import pack_model, unpack_model
from steps.export.files import write_model
from steps.export.served import export_pipeline
from steps.job import JobError
from steps.split import BY_FIRM_ID, BY_RATIOS


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
    contract["contract"] = contract_hash([feature["name"] for feature in contract["features"]])
    write_model(folder, export_pipeline(audit["pipeline"], audit["calibration"]), contract, audit)
    pack_model(folder, execution.root / "champion" / "model.tar.gz")
    evaluation = execution.run()
    assert evaluation["champion"]["compared"] is False
    assert evaluation["champion"]["reason"].endswith("the data lacks its columns Goodwill")


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
