"""S3 URIs, and archives in S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.base.archives import ArchiveError, unpack


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def unpack_archive(s3: Any, uri: str, folder: Path) -> None:
    """Download a .tar.gz and unpack it into `folder`.

    Raises
    ------
    ArchiveError
        If the object cannot be downloaded, or the archive cannot be unpacked safely.
    """
    bucket, key = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ArchiveError(f"Failed to download {uri}: {error}") from error
    try:
        unpack(body, folder)
    except ArchiveError as error:
        raise ArchiveError(f"Failed to unpack {uri}: {error}") from error
