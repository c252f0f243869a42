"""Checks of what each kind of person can do, and of the notices that people get."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support.lifecycle.service import PROJECT, Service

from scripts.aws.outbox import read_outbox
from scripts.aws.session import connect
from scripts.model.approval import find_version, set_approval


def check_monitoring(service: Service, folder: Path) -> None:
    """Check that trainers monitor the scores of a portfolio, and that their window can be accepted."""
    (folder / "outcomes.csv").write_text("id,date,outcome\nnobody,2026-01-01,1\n", encoding="utf-8")
    today = datetime.now(UTC)
    period = ["--start", f"{today - timedelta(days=1):%F}", "--end", f"{today + timedelta(days=1):%F}"]
    with service.as_person("trainer"):
        service.run("outcomes", "upload", str(folder / "outcomes.csv"))
        service.run("monitor", "run", *period, "--wait")
        shown = json.loads(service.run("monitor", "show", "--json"))
        refused = service.refused("monitor", "accept", shown["run"], "1", "--note", "x", "--yes")
        assert "AWS denied PutObject" in refused
    assert shown["versions"]["1"]["sources"]["batch"] > 0
    assert shown["outcomes"]["unknown"] == 1
    service.run("monitor", "accept", shown["run"], "1", "--note", "a test", "--yes")
    assert "accepted     version 1, by arn:aws:" in service.run("monitor", "show")
    service.run("monitor", "accept", shown["run"], "1", "--undo")


def check_separation(service: Service) -> None:
    """Check that trainers cannot approve, not even through an execution, and approvers only approve."""
    package = find_version(service.aws, 2)
    with service.as_person("trainer"):
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:UpdateModelPackage"):
            set_approval(connect(PROJECT), package, "Approved")
        refused = service.refused("pipeline", "start", "-p", "ModelApprovalStatus=Approved")
        assert "ModelApprovalStatus" in refused
    with service.as_person("approver"):
        sagemaker = connect(PROJECT).client("sagemaker")
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:StartPipelineExecution"):
            sagemaker.start_pipeline_execution(PipelineName=PROJECT)
        # An approval cannot also replace the hash of the evaluated archive.
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:UpdateModelPackage"):
            sagemaker.update_model_package(
                ModelPackageArn=package["ModelPackageArn"],
                ModelApprovalStatus="Approved",
                CustomerMetadataProperties={"ArchiveSha256": "0" * 64},
            )


def check_notices() -> bool:
    """Check the notices about versions that waited and became the champion."""
    # A busy machine can miss the 300 ms in which a prediction is logged.
    messages = [each for each in read_outbox() if "predictions-lost" not in each["subject"]]
    told = [each["subject"].removeprefix(f"{PROJECT}: ") for each in messages]
    assert told == [
        "version 1 waits for approval",
        "version 1 is the champion",
        "version 2 waits for approval",
        "version 2 is the champion",
        "version 1 is the champion",
        "version 3 waits for approval",
        "version 3 is the champion",
        *(told[7:] if re.fullmatch(r"execution \w+ failed", told[-1]) else []),
    ]
    assert all(each["recipients"] == ["email:alarms@example.com"] for each in messages)
    # The first had no champion to be compared with, and the second had.
    assert "Compared with the champion: there is none." in messages[0]["text"]
    assert re.search(r"champion: .* different. ROC-AUC [+-]0\.\d{3} \(", messages[2]["text"])
    if len(told) < 8:
        return False
    assert len(told) == 8
    assert "Step ModelRejected: The model did not pass the gate (MinRocAuc: 1" in messages[7]["text"]
    return True
