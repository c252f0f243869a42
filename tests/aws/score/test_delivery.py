"""Where results are written, and what happens if they can't be."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from support.local_aws.cloud import ROLE
from support.score.portfolios import left_over, run

from scripts.aws.files import FileError
from scripts.aws.session import Aws
from scripts.companies.errors import CompanyFileError
from scripts.score.model import Model, choose_model
from scripts.score.scoring import Order, score


@pytest.mark.parametrize("target", ["{folder}/none/out.csv", "s3://no-such-bucket/out.csv", "{folder}/d.csv"])
def test_a_result_location_that_does_not_exist_starts_no_job(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, target: str
) -> None:
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\n1,0.5,1\n")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(FileError, match=r"can't be written: (the .* does not exist|it is a folder)"):
        run(aws, str(tmp_path / "in.csv"), target.format(folder=tmp_path))
    assert aws.client("sagemaker").list_transform_jobs()["TransformJobSummaries"] == []


def test_a_result_that_can_not_be_delivered_is_kept_on_this_machine(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN locations that become folders while the job runs
    register("Approved")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.75,1\nC2,x,1\n")

    def take(stage: str, *_: object) -> None:
        if stage == "collect":
            (tmp_path / "out.csv").mkdir()
            (tmp_path / "out.errors.csv").mkdir()

    order = Order(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE)
    # WHEN the files are delivered
    with pytest.raises(FileError, match=r"out\.csv can't be written: .* It is kept as .*out\.csv") as failed:
        score(aws, order, choose_model(aws, None), take)
    # THEN both are complete where the error says
    kept, kept_errors = (Path(found) for found in re.findall(r"It is kept as (\S+)\.", str(failed.value)))
    assert kept.read_text().splitlines()[1:] == ["2,C1,1,0.75,high,1,"]
    assert kept_errors.read_text().splitlines()[1:] == ["3,a,is not a number: 'x'"]
    assert kept.parent.stat().st_mode & 0o077 == 0
    # AND there are no partial files, and nothing remains in the account
    assert list(tmp_path.glob("*.partial")) == []
    assert left_over(aws) == ([], [])


def test_a_result_that_can_not_be_uploaded_is_kept_on_this_machine(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a connection that is lost after the job
    register("Approved")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.75,1\n")

    def disconnect(params: dict[str, Any], **_: Any) -> None:
        if params["Key"] == "out.csv":
            raise EndpointConnectionError(endpoint_url="https://s3")

    aws.client("s3").meta.events.register("provide-client-params.s3.PutObject", disconnect)
    # THEN the result is kept on this machine
    with pytest.raises(FileError, match=r"Could not connect .* It is kept as .*out\.csv"):
        run(aws, str(tmp_path / "in.csv"), f"s3://{aws.project.bucket}/out.csv")
    assert [path.read_text().count("\n") for path in tmp_path.glob("*/out.csv")] == [2]


def test_without_permission_to_remove_an_earlier_list_is_emptied(
    aws: Aws, register: Callable[[str], None], tmp_path: Path
) -> None:
    # GIVEN the bad lines of an earlier run
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.75,1\n")
    s3, bucket = aws.client("s3"), aws.project.bucket
    s3.put_object(Bucket=bucket, Key="out.errors.csv", Body=b"line,column,problem\n7,a,is empty\n")

    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObject")

    aws.client("s3").meta.events.register("before-call.s3.DeleteObject", deny)
    # WHEN all lines are valid
    summary = run(aws, str(tmp_path / "in.csv"), f"s3://{bucket}/out.csv")
    # THEN the earlier list is replaced by an empty one
    assert s3.get_object(Bucket=bucket, Key="out.errors.csv")["Body"].read() == b"line,column,problem\n"
    assert (summary.scored, summary.errors) == (1, None)


@pytest.mark.parametrize(
    ("source", "target"), [("in.csv", "x/../in.csv"), ("out.errors.csv", "out.csv"), ("in.csv", "out.csv.gz")]
)
def test_the_input_is_never_overwritten(aws: Aws, tmp_path: Path, source: str, target: str) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(CompanyFileError, match="name another"):
        run_without_model(aws, str(tmp_path / source), str(tmp_path / target))


def run_without_model(aws: Aws, source: str, target: str) -> None:
    model = Model("arn", 1, ("a",), "21293902a1a1ee52")
    score(aws, Order(source, target, None, "scoring-score-test", ROLE), model, lambda *_: None)
