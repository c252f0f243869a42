"""Checks of an execution: its evaluation, the registered version and the report."""

from __future__ import annotations

from pathlib import Path

from support.lifecycle.service import Service

from pipeline.service import Execution
from scripts.aws.session import Aws
from scripts.model.approval import find_version
from scripts.operate.executions import read_evaluation


def check_evaluation(aws: Aws, execution: Execution) -> None:
    """Check that both candidates were evaluated, without a champion."""
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    assert set(evaluation["candidates"]) == {"baseline", "recommended"}
    for figures in evaluation["candidates"].values():
        assert figures["roc_auc"]["low"] <= figures["roc_auc"]["value"] <= figures["roc_auc"]["high"]
    assert evaluation["gate"]["roc_auc"] >= 0.8
    assert evaluation["champion"] is None


def check_registration(aws: Aws, execution: Execution) -> None:
    """Check that the evaluated model was registered."""
    package = find_version(aws, 1)
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert url == f"s3://{aws.project.bucket}/models/{execution.id}/model.tar.gz"
    metadata = package["CustomerMetadataProperties"]
    assert metadata["ContractHash"] == evaluation["selected"]["contract"]
    assert metadata["ContractUri"] == f"s3://{aws.project.bucket}/models/{execution.id}/contract.json"


def check_report(service: Service, execution: Execution, path: Path) -> None:
    """Check the report that a command downloads."""
    output = service.run("report", "--no-open", "--output", str(path))
    assert f"Report of {execution.id}" in output
    evaluation = read_evaluation(service.aws, execution)
    assert evaluation is not None
    page = path.read_text(encoding="utf-8")
    assert evaluation["gate"]["reason"] in page
    assert evaluation["provenance"]["code_sha256"]["Evaluate"] in page


def cached_steps(execution: Execution) -> set[str]:
    """Return the names of the steps whose outputs come from the cache."""
    return {step.name for step in execution.steps if step.cached}
