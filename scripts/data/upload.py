"""Data files in the bucket: checked, put there, the newest one, and whether one is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.data.source import DataError, read_csv_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def check(path: Path) -> None:
    """Check a data file as the pipeline's first step would, which is minutes or a deployment later.

    Raises
    ------
    DataError
        Listing what is wrong with the header and the cells.
    """
    from steps.dataset.reader import read_data
    from steps.job import DataError as StepError

    try:
        read_data(path)
    except StepError as error:
        raise DataError(str(error)) from error


def upload(s3: S3Client, bucket: str, path: Path) -> str:
    """Put the CSV of a data file, decompressed, under its own hash; return its S3 URI.

    What is there is put again: that makes it the newest, which is what an execution takes.
    Sample data keeps its name, and the object has the metadata ``sample: true``.

    Raises
    ------
    DataError
        If the file can't be read.
    """
    csv = read_csv_file(path)
    key = f"data/{csv.sha256}/{csv.name}"
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=csv.content,
        ContentType="text/csv",
        Metadata={"sample": "true"} if csv.is_sample else {},
    )
    return f"s3://{bucket}/{key}"


def newest_upload(s3: S3Client, bucket: str) -> str | None:
    """Return the S3 URI of the data file uploaded last, or None if there is none."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="data/")
    objects = [item for page in pages for item in page.get("Contents", [])]
    objects = [item for item in objects if item["Key"].lower().endswith(".csv")]
    if not objects:
        return None
    return f"s3://{bucket}/{max(objects, key=lambda item: item['LastModified'])['Key']}"


def is_there(s3: S3Client, uri: str) -> bool:
    """Whether an S3 URI names an object or the beginning of some, which is how a job takes it.

    What this caller may not list, the pipeline's role may read: it counts as there.
    """
    from botocore.exceptions import ClientError

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        return bool(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return True
