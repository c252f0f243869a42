"""`data upload` and `demo` reject invalid data files before they upload or deploy anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from scripts.cli import app

BUCKET = "bankruptcy-123456789012-eu-west-1"
RUNNER = CliRunner(env={"TERM": "dumb"})


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "BANKRUPTCY_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield s3


def _without_target(text: str) -> str:
    return text.replace("Bankrupt?", "Failed?", 1)


def _with_text(text: str) -> str:
    header, first, rest = text.split("\n", 2)
    return "\n".join([header, first.rpartition(",")[0] + ",high", rest])


@pytest.fixture(
    params=[
        (_without_target, "Bankrupt?"),
        (_with_text, "is not a number"),
        (lambda text: text.replace(",", ";"), "seems to be separated by ';'; use commas"),
        (lambda _: "", "is empty"),
        (lambda text: text, "too few companies that are bankrupt"),
    ],
    ids=["no target", "text in a cell", "semicolons", "empty", "too few bankrupt"],
)
def invalid(
    request: pytest.FixtureRequest, companies: Callable[..., pd.DataFrame], data_file: Any, tmp_path: Path
) -> tuple[Path, str]:
    """A file that the pipeline's first step rejects, and a part of its message."""
    change, message = request.param
    path = data_file(tmp_path / "mine.csv", companies(rows=20, bankrupt=4))
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path, message


def test_an_invalid_file_is_not_uploaded(aws: Any, invalid: tuple[Path, str]) -> None:
    result = RUNNER.invoke(app, ["data", "upload", "--data", str(invalid[0])])

    assert result.exit_code == 1
    assert invalid[1] in result.output
    assert aws.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_another_table_is_not_uploaded(aws: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")

    result = RUNNER.invoke(app, ["data", "upload", "--data", str(path)])

    assert result.exit_code == 1
    *_, problem, hint = result.output.splitlines()
    assert problem.startswith("header: it lacks 96 of the 96 columns: 'Bankrupt?', ")
    assert hint.startswith("Expected: ")
    assert hint.endswith("docs/your-own-data.md explains how to use another table.")


def test_a_valid_file_is_uploaded(
    aws: Any, companies: Callable[..., pd.DataFrame], data_file: Any, tmp_path: Path
) -> None:
    frame = companies()
    frame.insert(0, "Index", 1)
    path = data_file(tmp_path / "mine.csv", pd.concat([frame, frame.head(7)]))

    result = RUNNER.invoke(app, ["data", "upload", str(path)])

    assert result.exit_code == 0, result.output
    assert "Ignored columns: 'Index'." in result.output
    assert "The file has 7 rows with the ratios of an earlier row" in result.output
    assert aws.list_objects_v2(Bucket=BUCKET)["Contents"][0]["Key"].endswith("/mine.csv")


def test_the_demo_does_not_start_with_an_invalid_file(
    invalid: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(**_: Any) -> Any:
        raise AssertionError("local AWS was started")

    monkeypatch.setattr("local_aws.server.LocalAws", start)

    result = RUNNER.invoke(app, ["demo", "--data", str(invalid[0])])

    assert result.exit_code == 1
    assert invalid[1] in result.output
