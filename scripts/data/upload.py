"""Checks data files, uploads them to the project's bucket, and finds uploaded files."""

from botocore.exceptions import ClientError

from scripts.aws.files import SCHEME, list_objects, split_uri
from scripts.aws.session import Aws
from scripts.data.data_file import DataError, DataFile


def check(file: DataFile) -> None:
    """Check a data file like the pipeline's first step, which would only fail minutes later.

    Raises
    ------
    DataError
        If the header or cells are wrong; the message lists all problems.
    """
    from steps.dataset.reader import read_data
    from steps.job import DataError as StepError

    try:
        read_data(file.path)
    except StepError as error:
        hint = error.hint
        if "\nheader: " in error.problem:
            hint += " docs/your-own-data.md explains how to use another table."
        raise DataError(error.problem, hint) from error


def upload(aws: Aws, file: DataFile) -> str:
    """Upload the CSV, decompressed, under its hash; return its S3 URI.

    An existing object is written again: executions use the newest upload by default. Sample data keeps its
    name, and its object has the metadata ``sample: true``.
    """
    key = f"data/{file.sha256}/{file.name}"
    aws.client("s3").put_object(
        Bucket=aws.project.bucket,
        Key=key,
        Body=file.content,
        ContentType="text/csv",
        Metadata={"sample": "true"} if file.is_sample else {},
    )
    return f"{SCHEME}{aws.project.bucket}/{key}"


def newest_upload(aws: Aws) -> str | None:
    """Return the S3 URI of the data file that was uploaded last; None if there is none."""
    objects = [item for item in list_objects(aws, "data/") if item["Key"].lower().endswith(".csv")]
    newest = max(objects, key=lambda item: item["LastModified"], default=None)
    return None if newest is None else f"{SCHEME}{aws.project.bucket}/{newest['Key']}"


def exists(aws: Aws, uri: str) -> bool:
    """Return whether an S3 URI names an object, or a prefix of some; a job takes either as its input.

    A bucket that the caller may not list counts as existing: the pipeline's role may have access to it.
    """
    bucket, prefix = split_uri(uri)
    try:
        answer = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return True
    return bool(answer.get("KeyCount"))
