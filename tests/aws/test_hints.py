"""The commands that messages name: they go to the account that the person was working in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from local_aws.server import LocalAws
from scripts.cli import app

OPTIONS = "--project hinted --local"


@pytest.fixture(scope="module")
def _local_port(running_aws: LocalAws) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            patch.setenv(name, "eu-west-1")  # remembered, so that --local leaves no trace
        patch.delenv("BANKRUPTCY_PROJECT", raising=False)
        patch.setattr("scripts.session.LOCAL_PORT", int(running_aws.url.rpartition(":")[2]))
        patch.setattr("scripts.session._given", [])
        yield


@pytest.fixture(scope="module")
def deployed(_local_port: None) -> Result:
    return run("deploy", "--yes")


def run(*arguments: str) -> Result:
    return CliRunner(env={"TERM": "dumb"}).invoke(app, [*arguments, *OPTIONS.split()])


@pytest.mark.usefixtures("_local_port")
def test_what_needs_a_deployment_names_the_command_for_it() -> None:
    result = run("pipeline", "upsert")
    assert result.exit_code == 1
    assert f"Run `bankruptcy deploy {OPTIONS}` first." in result.output


def test_deploy_names_the_next_commands(deployed: Result) -> None:
    assert deployed.exit_code == 0, deployed.output
    next_ = deployed.output.splitlines()[-1]
    upload, start = f"bankruptcy data upload {OPTIONS}", f"bankruptcy pipeline start --wait {OPTIONS}"
    assert next_.split(None, 1) == ["Next", f"{upload}, then {start}"]


def test_executions_name_the_commands_that_help(deployed: Result) -> None:
    assert f"Run `bankruptcy data upload {OPTIONS}` first." in run("pipeline", "start").output
    assert f"`bankruptcy pipeline start {OPTIONS}` starts one" in run("pipeline", "status").output
    assert f"`bankruptcy pipeline list {OPTIONS}` shows them" in run("pipeline", "stop", "x").output
