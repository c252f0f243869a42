"""The output of `pipeline start --wait` and `demo` at their end, and on Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.service import Execution
from scripts.cli import app

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/bankruptcy/execution/abcdefghijkl"
ENDED = Execution(ARN, None, "Succeeded", None, None, None)
RUNNER = CliRunner(env={"TERM": "dumb"})


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def _started(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = SimpleNamespace(client=lambda _: None, project=SimpleNamespace(bucket="bucket"))
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: aws)
    monkeypatch.setattr(
        "scripts.operate.executions.start_execution", lambda *_: (ARN, "s3://bucket/data/x.csv")
    )
    monkeypatch.setattr("scripts.terminal.progress.read_evaluation", lambda *_: None)


@pytest.mark.usefixtures("_started")
def test_ctrl_c_does_not_stop_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.terminal.progress.follow", interrupt)

    result = RUNNER.invoke(app, ["pipeline", "start", "--wait", "--local"])

    assert result.exit_code == 130
    assert result.stderr.splitlines() == [
        "Execution abcdefghijkl continues. `bankruptcy pipeline status --wait --local` waits for it, "
        "`bankruptcy pipeline stop --local` stops it."
    ]


@pytest.mark.usefixtures("_started")
def test_a_successful_execution_shows_the_next_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.terminal.progress.follow", lambda *_: ENDED)

    result = RUNNER.invoke(app, ["pipeline", "start", "--wait", "--local"])

    assert result.exit_code == 0, result.output
    expected = "Next  `bankruptcy report --local`, then `bankruptcy model approve --wait --local`"
    assert result.stdout.splitlines()[-1] == expected


@pytest.mark.usefixtures("_started")
def test_status_can_wait_again(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str] = []
    monkeypatch.setattr("scripts.operate.executions.resolve_execution", lambda *_: ARN)
    monkeypatch.setattr("scripts.terminal.progress.follow", lambda _, arn: followed.append(arn) or ENDED)

    result = RUNNER.invoke(app, ["pipeline", "status", "--wait", "--local"])

    assert result.exit_code == 0, result.output
    assert followed == [ARN]
    expected = "Next  `bankruptcy report --local`, then `bankruptcy model approve --wait --local`"
    assert result.stdout.splitlines()[-1] == expected


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the demo with its work replaced; return its output."""
    shown: list[str] = []

    class Server:
        url = "http://127.0.0.1:1"

        def __enter__(self) -> Server:
            return self

        def __exit__(self, *_: object) -> None:
            shown.append("stopped")

    monkeypatch.setattr("local_aws.server.LocalAws", lambda **_: Server())
    file = SimpleNamespace(description="data")
    monkeypatch.setattr("scripts.data.source.resolve", lambda _: file)
    monkeypatch.setattr("scripts.data.upload.check", lambda _: [])
    for name in ("use_local_aws", "connect", "_run"):
        monkeypatch.setattr(f"scripts.commands.local_aws.demo.{name}", lambda *_: None)
    monkeypatch.setattr("scripts.commands.local_aws.demo.show", lambda text, **_: shown.append(text))
    return shown


def test_the_demo_ends_with_the_next_steps(shown: list[str]) -> None:
    result = RUNNER.invoke(app, ["demo"])

    assert result.exit_code == 0
    assert shown[-3].strip().startswith("Next  open the report")
    assert "`bankruptcy up`" in shown[-2]
    assert shown[-1] == "stopped"


def test_ctrl_c_stops_local_aws_and_the_demo(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.commands.local_aws.demo._run", interrupt)

    result = RUNNER.invoke(app, ["demo", "--keep"])

    assert result.exit_code == 130
    assert [line.strip() for line in shown[-2:]] == ["stopped", "Local AWS has stopped."]


@pytest.fixture
def _handlers() -> Iterator[None]:
    """Restore the signal handlers that a command replaces."""
    replaced = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in replaced.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_a_demo_that_keeps_running(shown: list[str], number: int) -> None:
    sender = threading.Timer(0.5, os.kill, [os.getpid(), number])
    sender.start()

    result = RUNNER.invoke(app, ["demo", "--keep"])
    sender.join()

    assert result.exit_code == 0
    assert [line.strip() for line in shown[-2:]] == ["stopped", "Local AWS has stopped."]
