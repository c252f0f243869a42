"""`pipeline start --wait` and `demo`: what they say at their end, and at Ctrl-C."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.cli import app

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/bankruptcy/execution/abcdefghijkl"
RUNNER = CliRunner(env={"TERM": "dumb"})


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def _started(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = SimpleNamespace(client=lambda _: None, project=SimpleNamespace(bucket="bucket"))
    monkeypatch.setattr("scripts.commands.pipeline.connect", lambda *_, **__: aws)
    monkeypatch.setattr("scripts.aws.session._given", ["--local"])
    monkeypatch.setattr("scripts.data.upload.newest_upload", lambda *_: "s3://bucket/data/x.csv")
    monkeypatch.setattr("pipeline.service.start", lambda *_: ARN)


@pytest.mark.usefixtures("_started")
def test_ctrl_c_leaves_the_execution_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.commands.pipeline.follow", interrupt)

    result = RUNNER.invoke(app, ["pipeline", "start", "--wait"])

    assert result.exit_code == 130
    told = "Execution abcdefghijkl goes on: `bankruptcy pipeline status --local`, `… pipeline stop --local`."
    assert result.stderr.splitlines() == [told]


@pytest.mark.usefixtures("_started")
def test_the_end_of_an_execution_names_the_next_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.commands.pipeline.follow", lambda *_: None)

    result = RUNNER.invoke(app, ["pipeline", "start", "--wait"])

    assert result.exit_code == 0, result.output
    told = "Next  bankruptcy report --local, then bankruptcy model approve --wait --local"
    assert result.stdout.splitlines()[-1] == told


@pytest.mark.parametrize(("during", "status"), [("_run", 130), ("time.sleep", 0)])
def test_ctrl_c_ends_local_aws_and_the_demo_says_so(
    during: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Server:
        url = "http://127.0.0.1:1"

        def __enter__(self) -> Server:
            return self

        def __exit__(self, *_: object) -> None:
            said.append("stopped")

    monkeypatch.setattr("local_aws.server.LocalAws", lambda **_: Server())
    found = SimpleNamespace(path=None, description="data")
    monkeypatch.setattr("scripts.data.source.resolve", lambda _: found)
    monkeypatch.setattr("scripts.data.upload.check", lambda _: None)
    for name in ("use_local_aws", "connect", "_run"):
        monkeypatch.setattr(f"scripts.commands.demo.{name}", lambda *_: None)
    console = SimpleNamespace(print=lambda text, **_: said.append(text))
    monkeypatch.setattr("scripts.commands.demo.console", lambda: console)
    monkeypatch.setattr(f"scripts.commands.demo.{during}", interrupt)

    result = RUNNER.invoke(app, ["demo", "--keep"])

    assert result.exit_code == status
    assert [line.strip() for line in said[-2:]] == ["stopped", "Local AWS has ended."]
