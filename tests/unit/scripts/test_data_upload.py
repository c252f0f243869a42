"""Data files in the bucket: under their own hash, the last one the newest, sample data marked."""

import gzip
import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from scripts.data.upload import newest_upload, upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CSV = b"Bankrupt?, Ratio A\n1,0.25\n0,0.5\n"
SHA256 = hashlib.sha256(CSV).hexdigest()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Client]":
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.create_bucket(Bucket="bucket")
        yield client


def test_a_compressed_file_is_uploaded_as_csv_under_its_hash(s3: "S3Client", tmp_path: Path) -> None:
    path = tmp_path / "companies.csv.gz"
    path.write_bytes(gzip.compress(CSV))

    uri = upload(s3, "bucket", path)

    assert uri == f"s3://bucket/data/{SHA256}/companies.csv"
    stored = s3.get_object(Bucket="bucket", Key=f"data/{SHA256}/companies.csv")
    assert stored["Body"].read() == CSV
    assert stored["Metadata"] == {}


def test_a_file_uploaded_again_is_the_newest_again(
    s3: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = tmp_path / "right.csv", tmp_path / "wrong.csv"
    right.write_bytes(CSV)
    wrong.write_bytes(CSV.replace(b"0.5", b"0.75"))

    uris = []
    for day, path in enumerate((right, wrong, right), start=1):
        monkeypatch.setattr("moto.s3.models.utcnow", lambda day=day: datetime(2026, 1, day))  # noqa: DTZ001
        uris.append(upload(s3, "bucket", path))
        assert newest_upload(s3, "bucket") == uris[-1]
    assert uris[0] == uris[2] != uris[1]


def test_sample_data_stays_marked(s3: "S3Client", tmp_path: Path) -> None:
    path = tmp_path / "sample-data.csv"
    path.write_bytes(CSV)

    uri = upload(s3, "bucket", path)

    assert uri.endswith("/sample-data.csv")
    head = s3.head_object(Bucket="bucket", Key=uri.removeprefix("s3://bucket/"))
    assert head["Metadata"] == {"sample": "true"}


def test_a_refusal_by_s3_is_not_taken_for_a_missing_object(s3: "S3Client", tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_bytes(CSV)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        upload(s3, "no-such-bucket", path)


def test_the_newest_upload_is_found(s3: "S3Client", tmp_path: Path) -> None:
    assert newest_upload(s3, "bucket") is None
    path = tmp_path / "companies.csv"
    path.write_bytes(CSV)

    uri = upload(s3, "bucket", path)

    assert newest_upload(s3, "bucket") == uri
