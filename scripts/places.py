"""Files by path or by S3 URI: read as a stream, delivered whole, removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SCHEME = "s3://"


class PlaceError(Exception):
    """A file that can't be read."""


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


def deliver(s3: Any, path: Path, place: str) -> None:
    """Move a finished file to its place, where there is never half of it."""
    if place.startswith(SCHEME):
        bucket, key = split_uri(place)
        s3.upload_file(str(path), bucket, key)
        return
    partial = Path(f"{place}.partial")
    shutil.move(path, partial)
    partial.replace(place)


def remove(s3: Any, place: str) -> None:
    """Remove a file; there need not be one."""
    if place.startswith(SCHEME):
        bucket, key = split_uri(place)
        s3.delete_object(Bucket=bucket, Key=key)
    else:
        Path(place).unlink(missing_ok=True)


def keys_below(s3: Any, bucket: str, prefix: str) -> list[str]:
    """Return the keys below a prefix, in order."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def remove_below(s3: Any, bucket: str, prefix: str) -> None:
    """Remove everything below a prefix."""
    keys = keys_below(s3, bucket, prefix)
    for start in range(0, len(keys), 1000):
        batch = [{"Key": key} for key in keys[start : start + 1000]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
