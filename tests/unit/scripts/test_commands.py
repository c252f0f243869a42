"""The command line: what it offers, what it refuses, and in which words."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from scripts.cli import app

RUNNER = CliRunner(env={"TERM": "dumb"})


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "BANKRUPTCY_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def test_help_names_every_command() -> None:
    result = RUNNER.invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in ("demo", "local", "deploy", "destroy", "data", "pipeline", "model", "predict", "status"):
        assert f" {command} " in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pipeline", "list"], "No AWS region is set"),
        (["pipeline", "list"], "or pass --local for this machine"),
        (["pipeline", "list", "--local"], "Start it with `bankruptcy local start`"),
        (["predict"], "Give either a file or --row N"),
        (["data", "describe", "--data", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_errors_say_what_to_do_next(arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # use_local_aws sets these for the process; the test takes them back
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setattr("scripts.aws.session.LOCAL_PORT", _free_port())
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 1
    assert told in result.output
    assert "endpoint URL" not in result.output  # the address is told once
    assert "Traceback" not in result.output


def test_a_parameter_without_an_equals_sign_is_refused() -> None:
    from scripts.commands.pipeline import parse_parameters

    assert parse_parameters(["MinRocAuc=0.9", "Note=a=b"]) == {"MinRocAuc": "0.9", "Note": "a=b"}
    with pytest.raises(typer.Exit):
        parse_parameters(["MinRocAuc"])


@pytest.mark.parametrize(
    ("arguments", "example"),
    [(["deploy"], "InstanceType=ml.m5.large"), (["pipeline", "start"], "MinRocAuc=0.9")],
)
def test_a_parameter_that_is_refused_gets_an_example_of_its_own(
    arguments: list[str], example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("service", "pipeline"):
        monkeypatch.setattr(f"scripts.commands.{module}.connect", lambda *_, **__: SimpleNamespace())
    result = RUNNER.invoke(app, [*arguments, "-p", "InstanceType"])
    assert result.exit_code == 1
    assert f"for example {example}; given: 'InstanceType'" in result.output


def test_local_start_says_that_a_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = RUNNER.invoke(app, ["local", "start", "--port", str(taken.getsockname()[1])])
    assert result.exit_code == 1
    assert "is not free" in result.output


@pytest.mark.parametrize("port", [4600, 4601])
def test_local_start_names_both_ways_to_use_it(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    server = SimpleNamespace(url=f"http://127.0.0.1:{port}", start=lambda: None, stop=lambda: None)
    monkeypatch.setattr("local_aws.server.LocalAws", lambda **_: server)
    ended = SimpleNamespace(wait=lambda: None)
    monkeypatch.setattr("scripts.commands.local.threading", SimpleNamespace(Event=lambda: ended))
    monkeypatch.setattr("scripts.commands.local.signal.signal", lambda *_: None)

    result = RUNNER.invoke(app, ["local", "start", "--port", str(port)])

    assert result.exit_code == 0, result.output
    assert f"export AWS_ENDPOINT_URL={server.url}\n" in result.output
    # --local knows one port only.
    assert ("pass --local to each command" in result.output) == (port == 4600)
    assert ("bankruptcy data upload --local" in result.output) == (port == 4600)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
