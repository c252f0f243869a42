"""The output of the command, and how it ends."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import ROLE
from support.score.portfolios import run
from typer.testing import CliRunner

from scripts.aws.session import Aws
from scripts.cli import app
from scripts.deploy import outputs
from scripts.score import parts, scoring
from scripts.score.model import ScoringError


def test_a_full_disk_is_reported(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\n")
    monkeypatch.setattr(scoring, "open_for_writing", full)
    code, output = score_command(aws, monkeypatch, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert code == 1
    assert "No space left on device. Free some space in /" in output


def test_without_a_deployment_the_command_names_deploy(aws: Aws) -> None:
    result = CliRunner().invoke(app, ["score", "in.csv", "out.csv", "--project", aws.project.name])
    assert result.exit_code == 1
    assert "bankruptcy deploy" in result.output


def score_command(aws: Aws, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run the command for a model that is registered, without a deployed service."""
    monkeypatch.setattr(outputs, "read_outputs", lambda *_: SimpleNamespace(transform_role_arn=ROLE))
    result = CliRunner().invoke(app, ["score", *arguments, "--project", aws.project.name])
    return result.exit_code, " ".join(result.output.split())


def test_the_version_is_only_shown_once_scoring_begins(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("Approved")
    target = str(tmp_path / "out.csv")
    code, output = score_command(aws, monkeypatch, str(tmp_path / "nothere.csv"), target)
    assert (code, "can't be read" in output, "Scoring with" in output) == (1, True, False)
    (tmp_path / "in.csv").write_text("id,a,b,ticker\nC1,0.5,1,T1\nC2,0.5,x,T2\n")
    code, output = score_command(aws, monkeypatch, str(tmp_path / "in.csv"), target)
    assert (code, "Scoring with version 1 of scoring." in output) == (0, True)
    assert re.search("1 company in .* 1 line could not be scored", output)
    assert "Ignored columns: 'ticker'. To copy one to the result, name it with --id." in output


def test_leftovers_are_a_warning_if_the_result_is_complete(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObjects")

    register("Approved")
    monkeypatch.setattr(parts, "remove_below", denied)
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\n")
    code, output = score_command(aws, monkeypatch, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert (code, (tmp_path / "out.csv").exists()) == (0, True)
    assert "Warning: s3://" in output
    # AND an earlier error is not hidden by it
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,x\n")
    with pytest.raises(ScoringError, match="No company can be scored: 1 bad line"):
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
