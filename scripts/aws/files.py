"""Files by path or by S3 URI: read as a stream, delivered whole, removed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SCHEME = "s3://"


class PlaceError(Exception):
    """A file that can't be read, written or removed."""


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


def name_of(place: str) -> str:
    """Return the file's own name."""
    return place.rpartition("/")[2] if place.startswith(SCHEME) else Path(place).name


@contextmanager
def opened(s3: Any, place: str) -> Iterator[IO[bytes]]:
    """Read a file as it comes, however large.

    Raises
    ------
    PlaceError
        When it can't be read.
    """
    from botocore.exceptions import ClientError

    try:
        if place.startswith(SCHEME):
            bucket, key = split_uri(place)
            stream = s3.get_object(Bucket=bucket, Key=key)["Body"]
        else:
            stream = Path(place).open("rb")  # noqa: SIM115 - closed below, as what S3 sends is
    except OSError as error:
        raise PlaceError(f"{place} can't be read: {error.strerror}.") from error
    except ClientError as error:
        raise PlaceError(f"{place} can't be read: {error.response['Error']['Message']}.") from error
    with stream:
        yield stream


def check_target(s3: Any, place: str) -> None:
    """Look whether a file can go to its place, before the work that it is the end of.

    Raises
    ------
    PlaceError
        When its folder or bucket is not there, or it is a folder itself.
    """
    from botocore.exceptions import ClientError

    if not place.startswith(SCHEME):
        folder = Path(place).parent
        if not folder.is_dir():
            raise PlaceError(f"{place} can't be written: there is no folder {folder}.")
        if Path(place).is_dir():
            raise PlaceError(f"{place} can't be written: it is a folder.")
        return
    bucket, _ = split_uri(place)
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        # Who may not look into a bucket may write to it all the same.
        if error.response["Error"]["Code"] == "404":
            raise PlaceError(f"{place} can't be written: there is no bucket {bucket}.") from error


def deliver(s3: Any, path: Path, place: str) -> None:
    """Copy a finished file to its place, where there is never half of it.

    Raises
    ------
    PlaceError
        When it can't be written there.
    """
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError

    try:
        if place.startswith(SCHEME):
            bucket, key = split_uri(place)
            s3.upload_file(str(path), bucket, key)
            return
        partial = Path(f"{place}.partial")
        try:
            shutil.copyfile(path, partial)
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, BotoCoreError, S3UploadFailedError) as error:
        raise PlaceError(f"{place} can't be written: {str(error).rstrip('.')}.") from error


def deliver_or_keep(s3: Any, finished: Mapping[str, Path]) -> None:
    """Deliver finished files by their places; what can't be is kept on this machine: it took a job to make.

    Raises
    ------
    PlaceError
        When one could not be delivered; says where it is kept.
    """
    problems = []
    for place, path in finished.items():
        try:
            deliver(s3, path, place)
        except PlaceError as error:
            # Readable by its owner alone, and on the same disk, so that it takes no more room
            kept = path.replace(Path(tempfile.mkdtemp(prefix="score-")) / name_of(place))
            problems.append(f"{error} It is kept as {kept}.")
    if problems:
        raise PlaceError(f"The portfolio is scored, but {' '.join(problems)}")


def remove(s3: Any, place: str) -> None:
    """Remove a file; there need not be one.

    Raises
    ------
    PlaceError
        When it can't be removed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if place.startswith(SCHEME):
            bucket, key = split_uri(place)
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            Path(place).unlink(missing_ok=True)
    except (OSError, BotoCoreError, ClientError) as error:
        raise PlaceError(f"{place} can't be removed: {str(error).rstrip('.')}.") from error


def is_same(place: str, other: str) -> bool:
    """Tell whether two places are one."""
    if place.startswith(SCHEME) or other.startswith(SCHEME):
        return place == other
    return Path(place).resolve() == Path(other).resolve()


def keys_below(s3: Any, bucket: str, prefix: str) -> list[str]:
    """Return the keys below a prefix, in order."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def remove_below(s3: Any, bucket: str, prefix: str) -> int:
    """Remove everything below a prefix, each version that the bucket keeps of it; return how many.

    Raises
    ------
    PlaceError
        When one can't be removed.
    """
    count = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            why = first.get("Message", first.get("Code"))
            raise PlaceError(f"s3://{bucket}/{first['Key']} could not be deleted: {why}")
        count += len(found)
    return count
