"""S3 URIs, and archives in S3."""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class ArchiveError(Exception):
    """An archive that cannot be downloaded or unpacked."""


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def unpack_archive(s3: Any, uri: str, folder: Path) -> None:
    """Download a .tar.gz and unpack it into `folder`; members that would leave the folder are rejected.

    Raises
    ------
    ArchiveError
        If the object cannot be downloaded or is not an intact archive.
    """
    bucket, key = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ArchiveError(f"Failed to download {uri}: {error}") from error
    try:
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        # A damaged .gz raises any of the last three.
        raise ArchiveError(f"Failed to unpack {uri}: {error}") from error
