"""`bankruptcy model show` shows the figures of a version, its comparison with the champion and its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.models.evaluations import compared, evaluation
from support.models.registry import PROJECT
from support.models.small import register
from typer.testing import CliRunner

from scripts.aws.session import Aws
from scripts.cli import app
from scripts.model.approval import find_version


def show(registry: Aws, folder: Path, document: dict[str, Any] | None) -> str:
    """Register a version with an evaluation, and return the output of `model show`."""
    register(registry, folder / "model", ["assets", "debt"], seed=1)
    uri = f"s3://{registry.project.bucket}/models/e/evaluation"
    if document is not None:
        registry.client("s3").put_object(
            Bucket=registry.project.bucket,
            Key="models/e/evaluation/evaluation.json",
            Body=json.dumps(document).encode(),
        )
    registry.client("sagemaker").update_model_package(
        ModelPackageArn=find_version(registry, 1)["ModelPackageArn"],
        CustomerMetadataProperties={
            "EvaluationUri": f"{uri}/evaluation.json",
            "ReportUri": f"{uri}/report.html",
        },
    )
    result = CliRunner().invoke(app, ["--local", "--project", PROJECT, "model", "show"])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_figures_have_intervals_and_are_compared_with_the_champion(registry: Aws, tmp_path: Path) -> None:
    text = show(registry, tmp_path, evaluation(champion=compared()))
    assert "evaluated on 1,364 unseen companies, 44 of them bankrupt (one split)" in text
    assert "ROC-AUC 0.941 (0.910 to 0.969) PR-AUC 0.439 (0.301 to 0.572)" in text
    assert "Brier score 0.0221 (0.0174 to 0.0271) recall, 5 % FPR 0.71 (0.55 to 0.85)" in text
    assert (
        "against the champion not significantly different: ROC-AUC +0.012 (-0.010 to +0.035), "
        "log loss in % -2.1 (-6.6 to +1.5)"
    ) in text
    assert f"ReportUri s3://{registry.project.bucket}/models/e/evaluation/report.html" in text


@pytest.mark.parametrize(
    ("champion", "expected"),
    [
        (None, "against the champion there was none"),
        (
            {"compared": False, "reason": "CompareWithChampion is no"},
            "against the champion not compared: CompareWithChampion is no",
        ),
    ],
)
def test_a_version_without_a_comparison_gives_the_reason(
    registry: Aws, tmp_path: Path, champion: dict[str, Any] | None, expected: str
) -> None:
    text = show(registry, tmp_path, evaluation(champion=champion, file="sample-data.csv"))
    assert expected in text
    assert "44 of them bankrupt (sample data, one split)" in text


def test_a_version_whose_evaluation_was_deleted_is_shown_without_figures(
    registry: Aws, tmp_path: Path
) -> None:
    text = show(registry, tmp_path, None)
    assert "approval PendingManualApproval" in text
    assert "ROC-AUC" not in text
