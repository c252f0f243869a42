"""Reads, writes and removes files at a location: a path or an S3 URI."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.aws.failures import is_denied
from scripts.aws.session import Aws
from scripts.errors import ScriptError
from scripts.scratch import written_whole

SCHEME = "s3://"


class FileError(ScriptError):
    """A file can't be read, written or removed."""

    code = "file_error"


def split_uri(uri: str) -> tuple[str, str]:
    """Return the bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


def file_name(location: str) -> str:
    """Return the last part of a location."""
    return location.rpartition("/")[2] if location.startswith(SCHEME) else Path(location).name


def is_same(location: str, other: str) -> bool:
    """Return whether two locations are the same file."""
    if location.startswith(SCHEME) or other.startswith(SCHEME):
        return location == other
    return Path(location).resolve() == Path(other).resolve()


@contextmanager
def file_errors(location: str, action: str) -> Iterator[None]:
    """Turn disk and S3 errors into a FileError."""
    from boto3.exceptions import S3UploadFailedError

    try:
        yield
    except (OSError, BotoCoreError, ClientError, S3UploadFailedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, ClientError):
            reason = error.response["Error"]["Message"]
        raise FileError(f"{location} can't be {action}: {reason.rstrip('.')}.") from error


@contextmanager
def open_stream(aws: Aws, location: str) -> Iterator[IO[bytes]]:
    """Open a file for reading as a stream, so that it can be larger than memory.

    Raises
    ------
    FileError
        If it can't be read.
    """
    with file_errors(location, "read"):
        if location.startswith(SCHEME):
            bucket, key = split_uri(location)
            stream = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        else:
            stream = Path(location).open("rb")  # noqa: SIM115 - closed below, like the stream from S3
    with stream:
        yield stream


def read_if_present(aws: Aws, uri: str) -> bytes | None:
    """Return an object's bytes, or None if there is no such object."""
    bucket, key = split_uri(uri)
    try:
        content: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        # Trainers and approvers can list the bucket only by prefix, and a read sends none. So S3 can deny a
        # missing object instead of reporting that it is missing.
        if is_denied(error) and not _may_exist(aws, bucket, key):
            return None
        raise
    return content


def _may_exist(aws: Aws, bucket: str, key: str) -> bool:
    """Return whether an object exists, or can't be listed."""
    try:
        listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except ClientError:
        return True
    return any(item["Key"] == key for item in listed.get("Contents", []))


def check_writable(aws: Aws, location: str) -> None:
    """Check that the output location exists before starting the work.

    Raises
    ------
    FileError
        If the folder or bucket does not exist, or the path is a folder.
    """
    if not location.startswith(SCHEME):
        folder = Path(location).parent
        if not folder.is_dir():
            raise FileError(f"{location} can't be written: the folder {folder} does not exist.")
        if Path(location).is_dir():
            raise FileError(f"{location} can't be written: it is a folder.")
        return
    bucket, _ = split_uri(location)
    try:
        aws.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        # A caller may be allowed to write to a bucket but not to look it up.
        if error.response["Error"]["Code"] == "404":
            raise FileError(f"{location} can't be written: the bucket {bucket} does not exist.") from error


def deliver(aws: Aws, path: Path, location: str) -> None:
    """Copy a finished file to its location, so that the location never holds half a file.

    Raises
    ------
    FileError
        If the location can't be written.
    """
    with file_errors(location, "written"):
        if location.startswith(SCHEME):
            bucket, key = split_uri(location)
            aws.client("s3").upload_file(str(path), bucket, key)
            return
        with written_whole(Path(location)) as partial:
            shutil.copyfile(path, partial)


def deliver_or_keep(aws: Aws, finished: Mapping[str, Path]) -> None:
    """Deliver finished files; files that can't be delivered are kept, because it took a job to make them.

    Parameters
    ----------
    finished
        The files, by their target location.

    Raises
    ------
    FileError
        If a file could not be delivered; the message says where it is kept.
    """
    problems = []
    for location, path in finished.items():
        try:
            deliver(aws, path, location)
        except FileError as error:
            # mkdtemp makes a folder that only its owner can read, on the same disk as `path`.
            kept = path.replace(Path(tempfile.mkdtemp(prefix="score-")) / file_name(location))
            problems.append(f"{error} It is kept as {kept}.")
    if problems:
        raise FileError(f"The portfolio was scored, but {' '.join(problems)}")


def remove(aws: Aws, location: str) -> None:
    """Remove a file, if it exists.

    Raises
    ------
    FileError
        If it can't be removed.
    """
    with file_errors(location, "removed"):
        if location.startswith(SCHEME):
            bucket, key = split_uri(location)
            aws.client("s3").delete_object(Bucket=bucket, Key=key)
        else:
            Path(location).unlink(missing_ok=True)


def list_objects(aws: Aws, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of the project's bucket under a prefix, in the order of their keys."""
    return aws.list_all("s3", "list_objects_v2", "Contents", Bucket=aws.project.bucket, Prefix=prefix)


def remove_below(aws: Aws, prefix: str) -> int:
    """Remove every version of every object of the project's bucket under a prefix; return their number.

    Raises
    ------
    FileError
        If an object can't be removed.
    """
    s3, bucket = aws.client("s3"), aws.project.bucket
    count = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            reason = first.get("Message", first.get("Code"))
            raise FileError(f"s3://{bucket}/{first['Key']} could not be deleted: {reason}.")
        count += len(found)
    return count
