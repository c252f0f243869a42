"""What goes into a job's /opt/ml before it runs, and what is taken out of it afterwards."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

OPT_ML = "/opt/ml"
_TRANSFERS = 4


class JobError(Exception):
    """A job that cannot go on; the message is its FailureReason."""


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def relocate(value: str, base: Path) -> str:
    """Return `value` with a leading /opt/ml replaced by `base`."""
    if value == OPT_ML or value.startswith(f"{OPT_ML}/"):
        return f"{base}{value[len(OPT_ML) :]}"
    return value


def list_keys(s3: Any, uri: str) -> list[str]:
    """Return the keys of an object, or of everything below a prefix, in order.

    Raises
    ------
    JobError
        When there is nothing, or the bucket does not exist.
    """
    bucket, prefix = split_uri(uri)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    except ClientError as error:
        raise JobError(f"ClientError: Failed to list {uri}: {error.response['Error']['Message']}") from error
    keys = [key for key in keys if not key.endswith("/")]
    if not keys:
        raise JobError(
            f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source. Ensure that '
            "the bucket exists, that objects exist under that prefix, and that the role may read them."
        )
    return keys


def download(s3: Any, uri: str, folder: Path) -> None:
    """Fetch an object, or everything below a prefix, into `folder`.

    Raises
    ------
    JobError
        When there is nothing, or the bucket does not exist.
    """
    bucket, prefix = split_uri(uri)
    keys = list_keys(s3, uri)
    folder.mkdir(parents=True, exist_ok=True)
    targets = {key: folder / relative_key(key, prefix) for key in keys}
    for target in targets.values():
        if not target.resolve().is_relative_to(folder.resolve()):
            raise JobError(f"ClientError: An object below {uri} has a key that leaves the job's folder.")
        target.parent.mkdir(parents=True, exist_ok=True)

    def fetch(key: str) -> None:
        targets[key].write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    with ThreadPoolExecutor(_TRANSFERS) as pool:
        list(pool.map(fetch, keys))


def relative_key(key: str, prefix: str) -> str:
    """Return where an object lands: its name if the prefix is its key, else its path below the prefix."""
    if key == prefix:
        return PurePosixPath(key).name
    if prefix.endswith("/") or not prefix:
        return key[len(prefix) :]
    if key.startswith(f"{prefix}/"):
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def upload(s3: Any, folder: Path, uri: str) -> None:
    """Send everything below a folder to a prefix.

    Raises
    ------
    JobError
        When the bucket does not take it.
    """
    bucket, prefix = split_uri(uri.rstrip("/"))
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        _put(s3, bucket, f"{prefix}/{name}" if prefix else name, path.read_bytes())


def _put(s3: Any, bucket: str, key: str, body: bytes) -> None:
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError as error:
        raise JobError(
            f"ClientError: Failed to upload s3://{bucket}/{key}: {error.response['Error']['Message']}"
        ) from error


def upload_archive(s3: Any, folder: Path, uri: str) -> None:
    """Pack a folder's content as a .tar.gz, the same bytes for the same files, and send it to `uri`."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            member = archive.gettarinfo(path, path.relative_to(folder).as_posix())
            member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
            if member.isfile():
                with path.open("rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)
    bucket, key = split_uri(uri)
    _put(s3, bucket, key, packed.getvalue())


def unpack(s3: Any, uri: str, folder: Path) -> None:
    """Fetch a .tar.gz and unpack it into `folder`, refusing members that would leave it."""
    bucket, key = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            archive.extractall(folder, filter="data")
    except ClientError as error:
        raise JobError(
            f"ClientError: Failed to download {uri}: {error.response['Error']['Message']}"
        ) from error
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise JobError(f"ClientError: Failed to unpack {uri}: {error}") from error


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a configuration file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, default=str))


def read_message(path: Path) -> str:
    """Return the first 1,024 characters that a job left in a file, or nothing."""
    if not path.is_file():
        return ""
    return path.read_bytes()[:4096].decode("utf-8", "replace").strip()[:1024]


def is_filled(folder: Path) -> bool:
    """Tell whether a folder holds any file."""
    return any(files for _, _, files in os.walk(folder))
