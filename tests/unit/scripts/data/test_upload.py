"""Uploading data files under their hash, finding the newest one, and marking sample data."""

import gzip
import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pipeline.project import Project
from scripts.aws.session import Aws
from scripts.data.data_file import DataFile, read_data_file
from scripts.data.upload import newest_upload, starts_execution, upload

CSV = b"Bankrupt?, Ratio A\n1,0.25\n0,0.5\n"
PROJECT = Project("bankruptcy", "123456789012", "us-east-1")
BUCKET = PROJECT.bucket
SHA256 = hashlib.sha256(CSV).hexdigest()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        session.client("s3").create_bucket(Bucket=BUCKET)
        yield Aws(session, PROJECT)


def write(path: Path, content: bytes = CSV) -> DataFile:
    path.write_bytes(content)
    return read_data_file(path)


def test_a_compressed_file_is_uploaded_as_csv_under_its_hash(aws: Aws, tmp_path: Path) -> None:
    uri = upload(aws, write(tmp_path / "companies.csv.gz", gzip.compress(CSV)))

    assert uri == f"s3://{BUCKET}/data/{SHA256}/companies.csv"
    stored = aws.client("s3").get_object(Bucket=BUCKET, Key=f"data/{SHA256}/companies.csv")
    assert stored["Body"].read() == CSV
    assert stored["Metadata"] == {}


def test_a_file_that_is_uploaded_again_is_the_newest_again(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = write(tmp_path / "right.csv")
    wrong = write(tmp_path / "wrong.csv", CSV.replace(b"0.5", b"0.75"))

    uris = []
    for day, file in enumerate((right, wrong, right), start=1):
        monkeypatch.setattr("moto.s3.models.utcnow", lambda day=day: datetime(2026, 1, day))  # noqa: DTZ001
        uris.append(upload(aws, file))
        assert newest_upload(aws) == uris[-1]
    assert uris[0] == uris[2] != uris[1]


def test_sample_data_is_marked(aws: Aws, tmp_path: Path) -> None:
    uri = upload(aws, write(tmp_path / "sample-data.csv"))

    assert uri.endswith("/sample-data.csv")
    head = aws.client("s3").head_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))
    assert head["Metadata"] == {"sample": "true"}


def test_an_upload_without_a_bucket_is_an_error(aws: Aws, tmp_path: Path) -> None:
    elsewhere = Aws(aws.session, Project("elsewhere", "123456789012", "us-east-1"))
    with pytest.raises(ClientError, match="NoSuchBucket"):
        upload(elsewhere, write(tmp_path / "companies.csv"))


def test_the_newest_upload_is_found(aws: Aws, tmp_path: Path) -> None:
    assert newest_upload(aws) is None

    uri = upload(aws, write(tmp_path / "companies.csv"))

    assert newest_upload(aws) == uri


def test_whether_an_upload_starts_an_execution_is_unknown_without_permission(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert starts_execution(aws) is False
    events = aws.client("events")
    events.put_rule(Name="bankruptcy-new-data", EventPattern="{}")
    assert starts_execution(aws) is True
    events.disable_rule(Name="bankruptcy-new-data")
    assert starts_execution(aws) is False

    def deny(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeRule")

    monkeypatch.setattr(events, "describe_rule", deny)
    monkeypatch.setattr(aws.session, "client", lambda *_: events)
    assert starts_execution(aws) is None
