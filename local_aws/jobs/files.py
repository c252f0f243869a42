"""Files of a job: inputs are downloaded to its /opt/ml before it runs, outputs are uploaded afterwards."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from local_aws.base.archives import ArchiveError
from local_aws.base.s3 import split_uri, unpack_archive

OPT_ML = "/opt/ml"
_TRANSFERS = 4


class JobError(Exception):
    """A job that cannot continue; the message is its FailureReason."""


def relocate(value: str, base: Path) -> str:
    """Return `value` with a leading /opt/ml replaced by `base`."""
    if value == OPT_ML or value.startswith(f"{OPT_ML}/"):
        return f"{base}{value[len(OPT_ML) :]}"
    return value


def list_keys(s3: Any, uri: str) -> list[str]:
    """Return the keys of an object or of all objects under a prefix, in order.

    Raises
    ------
    JobError
        If there is no object or the bucket does not exist.
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
    """Download an object, or all objects under a prefix, into `folder`.

    Raises
    ------
    JobError
        If there is no object or the bucket does not exist.
    """
    _download_keys(s3, uri, list_keys(s3, uri), folder)


def download_listed(s3: Any, manifest_uri: str, folder: Path) -> None:
    """Download the objects that a manifest lists, into the folders that they have below its prefix.

    Raises
    ------
    JobError
        If the manifest is damaged, or an object is missing.
    """
    bucket, key = split_uri(manifest_uri)
    try:
        first, *names = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        uri = first["prefix"]
        keys = [split_uri(f"{uri}{name}")[1] for name in names]
    except ClientError as error:
        raise JobError(
            f"ClientError: Failed to read {manifest_uri}: {error.response['Error']['Message']}"
        ) from error
    except (KeyError, TypeError, ValueError):
        keys = []
    if not keys:
        raise JobError(
            f"ClientError: The manifest {manifest_uri} is not valid; it must be a JSON list of "
            '{"prefix": "s3://…/"} and at least one key below it.'
        )
    _download_keys(s3, uri, keys, folder)


def _download_keys(s3: Any, uri: str, keys: Sequence[str], folder: Path) -> None:
    bucket, prefix = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    targets = {key: folder / relative_key(key, prefix) for key in keys}
    for key, target in targets.items():
        if not target.resolve().is_relative_to(folder.resolve()):
            raise JobError(f"ClientError: The key {key!r} under {uri} points outside the job's folder.")
        target.parent.mkdir(parents=True, exist_ok=True)

    def fetch(key: str) -> None:
        try:
            targets[key].write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            raise JobError(
                f"ClientError: Failed to download s3://{bucket}/{key}: {error.response['Error']['Message']}"
            ) from error

    with ThreadPoolExecutor(_TRANSFERS) as pool:
        list(pool.map(fetch, keys))


def relative_key(key: str, prefix: str) -> str:
    """Return the path of an object below `prefix`, or its name if `prefix` is its whole key."""
    if key == prefix:
        return PurePosixPath(key).name
    if prefix.endswith("/") or not prefix:
        return key[len(prefix) :]
    if key.startswith(f"{prefix}/"):
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def upload(s3: Any, folder: Path, uri: str) -> None:
    """Upload all files in a folder and its subfolders to a prefix.

    Raises
    ------
    JobError
        If the bucket rejects a file.
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
    """Upload a folder's content as a .tar.gz; the same files always give the same bytes."""
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
    """Download a .tar.gz and unpack it into `folder`.

    Raises
    ------
    JobError
        If the archive cannot be downloaded or unpacked.
    """
    try:
        unpack_archive(s3, uri, folder)
    except ArchiveError as error:
        raise JobError(f"ClientError: {error}") from error


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a configuration file and create the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, default=str))


def read_message(path: Path) -> str:
    """Return the first 1,024 characters of a file, or an empty string if there is no file."""
    if not path.is_file():
        return ""
    return path.read_bytes()[:4096].decode("utf-8", "replace").strip()[:1024]


def is_filled(folder: Path) -> bool:
    """Return whether a folder contains any file."""
    return any(files for _, _, files in os.walk(folder))
