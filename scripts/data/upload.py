"""Checks data files, uploads them to the project's bucket, and finds uploaded files."""

from dataclasses import replace
from pathlib import Path

from botocore.exceptions import ClientError

from scripts.aws.failures import is_denied, is_gone
from scripts.aws.files import SCHEME, list_objects, read_if_present, split_uri
from scripts.aws.session import Aws
from scripts.data.data_file import DataError, DataFile, plain_file
from scripts.text import counted


def check(file: DataFile) -> list[str]:
    """Run the checks of the pipeline's first step, so that a bad file fails now and not minutes later.

    Returns
    -------
    list of str
        Warnings about a usable file, as sentences.

    Raises
    ------
    DataError
        If the first step would reject the file; the message lists all problems.
    """
    from steps.dataset.columns import RATIOS
    from steps.dataset.reader import unused_columns
    from steps.job import DataError as StepError
    from steps.select_features import check as check_as_first_step

    try:
        companies = check_as_first_step(file.path)
        unused = unused_columns(file.path)
    except StepError as error:
        hint = error.hint
        if "\nheader: " in error.problem:
            hint += " docs/your-own-data.md explains how to use another table."
        raise DataError(error.problem, hint) from error
    notes = [f"Ignored columns: {unused}."] if unused else []
    if repeated := int(companies.duplicated(list(RATIOS)).sum()):
        notes.append(
            f"The file has {counted(repeated, 'row')} with the ratios of an earlier row. If it was "
            "oversampled or joined with itself, use the original: repeated companies make the figures too "
            "optimistic."
        )
    return notes


def upload_uri(aws: Aws, file: DataFile) -> str:
    """Return the S3 URI under which a file is uploaded."""
    return f"{SCHEME}{aws.project.bucket}/data/{file.sha256}/{file.name}"


def upload(aws: Aws, file: DataFile) -> str:
    """Upload the CSV, decompressed, under its hash; return its S3 URI.

    An existing object is written again: executions use the newest upload by default. Sample data keeps its
    name, and its object has the metadata ``sample: true``.
    """
    uri = upload_uri(aws, file)
    bucket, key = split_uri(uri)
    aws.client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=file.content,
        ContentType="text/csv",
        Metadata={"sample": "true"} if file.is_sample else {},
    )
    return uri


def starts_execution(aws: Aws) -> bool | None:
    """Return whether an upload starts an execution: the service has the rule of RetrainOn=new-data.

    Returns
    -------
    bool or None
        None if the caller lacks the permission to check; uploading does not need it.
    """
    try:
        rule = aws.client("events").describe_rule(Name=aws.project.new_data_rule)
    except ClientError as error:
        if is_denied(error):
            return None
        if is_gone(error):
            return False
        raise
    return bool(rule["State"] == "ENABLED")


def newest_upload(aws: Aws) -> str | None:
    """Return the S3 URI of the data file that was uploaded last; None if there is none."""
    objects = [item for item in list_objects(aws, "data/") if item["Key"].lower().endswith(".csv")]
    newest = max(objects, key=lambda item: item["LastModified"], default=None)
    return None if newest is None else f"{SCHEME}{aws.project.bucket}/{newest['Key']}"


def read_newest_upload(aws: Aws) -> DataFile | None:
    """Return the data file that was uploaded last; None if there is none."""
    uri = newest_upload(aws)
    return read_upload(aws, uri) if uri else None


def read_upload(aws: Aws, uri: str) -> DataFile | None:
    """Return an uploaded data file; None if there is none with this URI."""
    content = read_if_present(aws, uri)
    return None if content is None else replace(plain_file(Path(uri), content, uri), uri=uri)


def exists(aws: Aws, uri: str) -> bool:
    """Return whether an S3 URI names an object, or a prefix of some; a job takes either as its input.

    A bucket that the caller cannot list counts as existing: the pipeline's role may have access to it.
    """
    bucket, prefix = split_uri(uri)
    try:
        answer = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return True
    return bool(answer.get("KeyCount"))
