"""The command line: its help, its options, its errors and exit codes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import typer.main
from botocore.exceptions import ClientError, EndpointConnectionError
from typer.testing import CliRunner

from local_aws.state.folder import StateFolder
from scripts.aws.session import LOCAL_REGION, ConnectionFailedError, connect
from scripts.cli import app
from scripts.errors import ScriptError, UsageError
from scripts.terminal.options import parse_parameters

RUNNER = CliRunner(env={"TERM": "dumb"})
# The commands that work without AWS or bring their own.
WITHOUT_SETTINGS = {
    ("up",),
    ("drill", "drift"),
    ("drill", "outcomes"),
    ("demo",),
    ("local",),
    ("local", "start"),
    ("local", "outbox"),
    ("local", "reset"),
    ("data", "fetch"),
    ("data", "describe"),
}


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
    ("arguments", "code", "message"),
    [
        (["pipeline", "list"], 1, "No AWS region is set"),
        (["pipeline", "list"], 1, "To work on this machine, pass --local."),
        (["pipeline", "list", "--local"], 1, "Start it with `bankruptcy local start`"),
        (["predict"], 2, "Give either a file or --row N"),
        (["data", "describe", "--data", "nowhere.csv"], 1, "nowhere.csv"),
    ],
)
def test_errors_say_what_to_do_next(
    arguments: list[str], code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # use_local_aws sets these for the process; monkeypatch restores them.
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setattr("scripts.aws.session.LOCAL_PORT", _free_port())
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == code
    assert message in result.output
    assert "endpoint URL" not in result.output  # the address is shown once
    assert "Traceback" not in result.output


def test_a_parameter_without_an_equals_sign_is_rejected() -> None:
    parsed = parse_parameters(["MinRocAuc=0.9", "Note=a=b"], "A=1")
    assert parsed == {"MinRocAuc": "0.9", "Note": "a=b"}
    with pytest.raises(UsageError, match="for example A=1; given: 'MinRocAuc'"):
        parse_parameters(["MinRocAuc"], "A=1")


def test_a_parameter_that_is_given_twice_is_rejected() -> None:
    with pytest.raises(UsageError, match="--parameter FeatureCount is given twice: '50' and '60'"):
        parse_parameters(["FeatureCount=50", "FeatureCount=60"], "A=1")
    result = RUNNER.invoke(
        app, ["pipeline", "start", "--data-uri", "s3://a/b", "-p", "InputDataUri=s3://c/d"]
    )
    assert "The data is given twice" in result.output
    result = RUNNER.invoke(app, ["data", "describe", "a.csv", "--data", "b.csv"])
    assert "The data file is given twice: a.csv and --data b.csv" in result.output


@pytest.mark.parametrize(
    ("arguments", "example"),
    [(["deploy"], "InstanceType=ml.m5.large"), (["pipeline", "start"], "MinRocAuc=0.9")],
)
def test_a_rejected_parameter_gets_an_example_of_its_command(arguments: list[str], example: str) -> None:
    result = RUNNER.invoke(app, [*arguments, "-p", "InstanceType"])
    assert result.exit_code == 2
    assert f"for example {example}; given: 'InstanceType'" in result.output


def test_local_start_reports_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = RUNNER.invoke(app, ["local", "start", "--port", str(taken.getsockname()[1])])
    assert result.exit_code == 1
    assert "is not free" in result.output
    assert "The option --port N uses another port." in " ".join(result.output.split())


def test_local_reset_empties_a_state_and_nothing_else(tmp_path: Path) -> None:
    state = tmp_path / "state"
    StateFolder(state).close()
    (state / "state.sqlite").touch()
    refused = RUNNER.invoke(app, ["local", "reset", "--state", str(state)], input="n\n")
    assert refused.exit_code == 1
    assert (state / "state.sqlite").exists()
    held = StateFolder(state)
    busy = RUNNER.invoke(app, ["local", "reset", "--state", str(state), "--yes"])
    held.close()
    assert busy.exit_code == 1
    assert "stop it with Ctrl-C first" in " ".join(busy.output.split())
    done = RUNNER.invoke(app, ["local", "reset", "--state", str(state), "--yes"])
    assert done.exit_code == 0
    assert [each.name for each in state.iterdir()] == ["lock"]
    (tmp_path / "thesis.txt").touch()
    foreign = RUNNER.invoke(app, ["local", "reset", "--state", str(tmp_path), "--yes"])
    assert foreign.exit_code == 1
    assert "is not a state of local AWS" in " ".join(foreign.output.split())
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("options", "outcome"), [([], "123456789012"), (["--enforce-iam"], "InvalidClientTokenId")]
)
def test_local_start_can_enforce_permissions(
    monkeypatch: pytest.MonkeyPatch, options: list[str], outcome: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    answers: list[str] = []

    def call_as_stranger() -> None:
        sts = boto3.client(
            "sts",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-west-1",
            aws_access_key_id="AKIASTRANGER",
            aws_secret_access_key="unknown",
        )
        try:
            answers.append(sts.get_caller_identity()["Account"])
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])

    monkeypatch.setattr("scripts.commands.local_aws.local.wait_for_interruption", call_as_stranger)
    result = RUNNER.invoke(app, ["local", "start", "--port", port, *options])

    assert result.exit_code == 0, result.output
    assert answers == [outcome]
    assert ("Permissions are enforced." in result.output) is bool(options)


def commands_of(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group below a command."""
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from commands_of(below, (*words, name))


@pytest.mark.parametrize("words", [*commands_of(typer.main.get_command(app))], ids=" ".join)
def test_help_fits_80_columns_and_breaks_no_words(words: tuple[str, ...]) -> None:
    narrow, wide = (
        RUNNER.invoke(app, [*words, "--help"], env={"COLUMNS": columns}).output for columns in ("80", "500")
    )
    assert max(map(len, narrow.splitlines())) <= 80
    frame = str.maketrans("╭╮╰╯│─", "      ")
    assert set(narrow.translate(frame).split()) <= set(wide.translate(frame).split())
    assert "Where to work" in narrow or words in WITHOUT_SETTINGS


def test_version_is_shown() -> None:
    result = RUNNER.invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"bankruptcy {version('bankruptcy-mlops')}\n")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, str | None]]:
    """The projects, --local and regions that commands connect with."""
    found: list[tuple[str, bool, str | None]] = []

    def connect(project: str, *, local: bool, region: str | None) -> None:
        found.append((project, local, region))
        raise ScriptError("A problem.", "Run `bankruptcy deploy`, or `bankruptcy local start`.")

    monkeypatch.setattr("scripts.aws.session.connect", connect)
    return found


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("pipeline list", ("bankruptcy", False, None)),
        ("--local --project one pipeline list", ("one", True, None)),
        ("pipeline --local --project one list", ("one", True, None)),
        ("pipeline list --project one --local", ("one", True, None)),
        ("--project one pipeline --region eu-west-1 list --local --project two", ("two", True, "eu-west-1")),
    ],
)
def test_shared_options_are_accepted_before_and_after_the_command(
    arguments: str,
    expected: tuple[str, bool, str | None],
    connected: list[tuple[str, bool, str | None]],
) -> None:
    result = RUNNER.invoke(app, arguments.split())
    assert result.exit_code == 1
    assert connected == [expected]


def test_hints_repeat_the_given_options(
    connected: list[tuple[str, bool, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = RUNNER.invoke(app, ["--local", "status", "--project", "one", "--region", "eu-west-1"])
    deploy = "bankruptcy deploy --project one --local --region eu-west-1"
    assert result.stderr == f"Error: A problem. Run `{deploy}`, or `bankruptcy local start`.\n"
    # A project from the environment is not repeated, and no command remembers another's options.
    monkeypatch.setenv("BANKRUPTCY_PROJECT", "two")
    result = RUNNER.invoke(app, ["status"])
    assert "Run `bankruptcy deploy`, or" in result.stderr
    assert [project for project, *_ in connected] == ["one", "two"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(ScriptError("p"), 1), (UsageError("p"), 2), (EndpointConnectionError(endpoint_url="x"), 1)],
)
def test_errors_become_exit_codes(error: Exception, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise error

    monkeypatch.setattr("scripts.terminal.options.Settings.connect", fail)
    result = RUNNER.invoke(app, ["status"])
    assert result.exit_code == code
    assert result.stderr.startswith("Error: ")


def test_ctrl_c_ends_with_130_and_an_unknown_option_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scripts.terminal.options.Settings.connect", interrupt)
    assert RUNNER.invoke(app, ["status"]).exit_code == 130
    assert RUNNER.invoke(app, ["status", "--nonsense"]).exit_code == 2


def test_local_together_with_an_endpoint_url_means_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    url = f"http://127.0.0.1:{_free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    result = RUNNER.invoke(app, ["status", "--local"])
    assert result.exit_code == 1
    assert f"Local AWS does not answer at {url}." in result.stderr


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4600", "http://", "http://[::1", "http://127.0.0.1:46000000", "http://local host", "x"]
)
@pytest.mark.parametrize("local", [[], ["--local"]])
def test_an_endpoint_url_that_is_none_is_named(
    url: str, local: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    result = RUNNER.invoke(app, ["status", *local])
    assert result.exit_code == 2
    assert f"AWS_ENDPOINT_URL is {url!r}; it must be a URL like http://127.0.0.1:4600." in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        (None, None, LOCAL_REGION),
        (None, "ap-south-1", "ap-south-1"),
        ("http://127.0.0.1:1", None, "us-east-1"),
    ],
)
def test_local_alone_means_the_default_region(
    url: str | None, given: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NO_PROXY"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr("scripts.aws.session.LOCAL_PORT", _free_port())
    with pytest.raises(ConnectionFailedError):
        connect("bankruptcy", local=True, region=given)
    assert os.environ["AWS_DEFAULT_REGION"] == expected


@pytest.mark.parametrize("port", [4600, 4601])
def test_local_start_shows_how_to_use_it(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{port}"
    server = SimpleNamespace(url=url, start=lambda: None, stop=lambda: None, damaged_state=None)
    monkeypatch.setattr("local_aws.server.LocalAws", lambda **_: server)
    monkeypatch.setattr("scripts.commands.local_aws.local.wait_for_interruption", lambda: None)

    result = RUNNER.invoke(app, ["local", "start", "--port", str(port)])

    assert result.exit_code == 0, result.output
    assert f"export AWS_ENDPOINT_URL={server.url}\n" in result.output
    # Without AWS_ENDPOINT_URL, --local means the default port.
    assert ("pass --local to each command" in result.output) == (port == 4600)
    assert ("bankruptcy data upload --local" in result.output) == (port == 4600)


def test_local_start_rejects_a_region_that_sagemaker_does_not_have() -> None:
    result = RUNNER.invoke(app, ["local", "start", "--region", "eu-wast-1"])
    assert result.exit_code == 2
    assert "SageMaker has no region 'eu-wast-1'" in result.output
    assert "eu-west-3" in result.output


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
