"""`bankruptcy up` makes the service once, and finds it there the next time."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from support.lifecycle.data import sample_companies
from support.local_aws.cloud import eventually
from support.models.small import register
from typer.testing import CliRunner

from pipeline.service import list_executions
from scripts.aws.registry import list_versions
from scripts.aws.session import Aws, connect
from scripts.cli import app
from scripts.commands.local_aws import up
from scripts.deploy.deployment import deploy
from scripts.predict.client import client_of

NAMES = [f"ratio {number}" for number in range(20)]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> str:
    """A free port for `up`, which sets variables of the environment."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "set by the test")  # recorded, so that the patch undoes use_local_aws
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_with_retrain_on_new_data_each_up_starts_one_execution(
    tmp_path: Path, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN RetrainOn=new-data, and a person who interrupts the training once watch_model has seen the upload
    data = tmp_path / "companies.csv"
    sample_companies().to_csv(data, index=False)
    started: list[set[str]] = []

    def training(aws: Aws, arn: str) -> NoReturn:
        log = f"/aws/lambda/{aws.project.monitor_function}"
        find = aws.client("logs").filter_log_events
        assert eventually(lambda: find(logGroupName=log, filterPattern="retraining")["events"])
        executions = list_executions(aws.client("sagemaker"), aws.project.pipeline)
        assert arn in {each.arn for each in executions}
        started.append({each.id for each in executions})
        raise KeyboardInterrupt

    def deploy_with_retraining(aws: Aws) -> None:
        deploy(aws, confirm=lambda _: True, parameters={"RetrainOn": "new-data"})

    monkeypatch.setattr(up, "_deploy", deploy_with_retraining)
    monkeypatch.setattr("scripts.terminal.progress.follow_to_success", training)
    # WHEN they run `up` twice
    for _ in range(2):
        command = ["up", "--data", str(data), "--state", str(tmp_path / "state"), "--port", port]
        assert CliRunner().invoke(app, command).exit_code == 130
    # THEN the upload and the first `up` have started the same execution, and the second `up` another one
    assert [len(each) for each in started] == [1, 2]


def test_the_second_up_finds_version_address_and_key(
    tmp_path: Path, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings: list[str] = []
    seen: list[tuple[Any, ...]] = []

    def train(aws: Aws, _data: Path | None) -> None:
        trainings.append(register(aws, tmp_path, NAMES, seed=0)[0])

    def look() -> None:
        aws = connect("bankruptcy")
        client = client_of(aws)
        answer = client.predict({"data": [0.5] * len(NAMES)})
        versions = [(each.version, each.approval) for each in list_versions(aws)]
        seen.append((versions, client.url, client.key, answer["probability"]))

    opened: list[str] = []
    addresses: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(up, "_train", train)
    monkeypatch.setattr(up, "wait_for_interruption", look)
    for options in ([], ["--no-open"]):
        command = ["up", "--state", str(tmp_path / "state"), "--port", port, *options]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert "Champion   version 1" in result.output
        # Both print the console's address, and only the first one opens it.
        (address,) = re.findall(r"Console    (http://127\.0\.0\.1:\d+/enter\?token=\S+)", result.output)
        addresses.append(address)
    assert opened == addresses[:1]
    assert trainings == ["1"]
    assert seen[0] == seen[1]
    assert seen[0][0] == [(1, "Approved")]
