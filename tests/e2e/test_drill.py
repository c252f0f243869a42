"""`bankruptcy drill bad-model`: a version that fails is deployed, watched, and rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.local_aws.hurry import hurried
from support.models.small import register
from typer.testing import CliRunner

from scripts.aws.outbox import read_outbox
from scripts.aws.session import Aws
from scripts.cli import app
from scripts.deploy.endpoint import read_endpoint, rollback_alarms
from scripts.errors import UsageError
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.model.contracts import champion_version
from scripts.operate.drills.bad_model import drill_bad_model
from scripts.operate.pausing import pause, resume
from scripts.predict.client import client_of


def environment(aws: Aws) -> dict[str, str]:
    """Return the environment variables of deploy_model."""
    function = aws.project.deploy_function
    found: dict[str, Any] = aws.client("lambda").get_function_configuration(FunctionName=function)
    return dict(found["Environment"]["Variables"])


def drill(aws: Aws, code: int) -> str:
    result = CliRunner().invoke(app, ["drill", "bad-model", "--project", aws.project.name])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_a_drill_needs_a_champion(aws: Aws) -> None:
    assert "No champion is in service, so there is nothing to return to." in drill(aws, 1)


def test_a_bad_version_is_rolled_back_and_the_champion_keeps_serving(aws: Aws, tmp_path: Path) -> None:
    # GIVEN a champion, and updates that do not bake
    register(aws, tmp_path, ["a", "b"], seed=1)
    set_approval(aws, find_version(aws, 1), "Approved")
    wait_until_served(aws, 1)
    before = environment(aws)
    assert before["BAKE_SECONDS"] == "0"
    # WHEN the drill runs
    with hurried():
        shown = drill(aws, 0)
    # THEN it shows the bake, the alarm, the rollback and the message
    for part in (
        "Version 2 is a copy of version 1 that fails one request in ten.",
        "endpoint: Updating, version 2 ",
        "alarm: bankruptcy-e2e-rollback-errors-bankruptcy-e2e-v2-",
        "Version 2 was rolled back after",
        "The model failed on a request.",
        "version 2 was rolled back",
        "Version 1 is in service. Version 2 is rejected.",
    ):
        assert part in shown, shown
    # AND everything is as before
    endpoint = read_endpoint(aws)
    assert (endpoint.status, endpoint.version, champion_version(aws)) == ("InService", "1", "1")
    assert client_of(aws).predict({"data": [0.5, 0.5]})["model"]["version"] == "1"
    assert find_version(aws, 2)["ModelApprovalStatus"] == "Rejected"
    assert environment(aws) == before
    listed = aws.client("s3").list_objects_v2(Bucket=aws.project.bucket, Prefix="models/drill-")
    assert listed["KeyCount"] == 0
    # AND one notice was published
    subjects = [each["subject"] for each in read_outbox()]
    assert len([each for each in subjects if "version 2 was rolled back" in each]) == 1
    assert {name.rpartition("-v")[2].partition("-")[0] for name in rollback_alarms(aws)} == {"2"}


def test_a_paused_service_has_no_drill(aws: Aws) -> None:
    pause(aws)
    assert "The service is paused." in drill(aws, 1)
    resume(aws)


def test_a_drill_is_refused_on_aws(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Aws, "is_local", False)
    with pytest.raises(UsageError, match="so it only runs on local AWS"):
        drill_bad_model(aws, print)
