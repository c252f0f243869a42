"""The functions' zips: the same files always give the same bytes, on any machine."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SOURCE = Path(__file__).resolve().parents[2] / "lambda"
FUNCTIONS = ("predict_api", "deploy_model")
# The console shows a function's code up to 3 MB, but what is ours should stay far below.
LARGEST = 100_000
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """A function's zip.

    Parameters
    ----------
    function
        Name of the package that it holds.
    content
        The zip's bytes.
    """

    function: str
    content: bytes

    @property
    def key(self) -> str:
        """Where in the bucket it lies: under its own hash, so that new code is a new key."""
        return f"code/{hashlib.sha256(self.content).hexdigest()}/{self.function}.zip"


def pack(function: str, source: Path = SOURCE) -> Archive:
    """Zip a function's package, Python files only.

    Parameters
    ----------
    function
        Name of the package's folder.
    source
        The folder that holds it.

    Raises
    ------
    ValueError
        If there is no such package, or the zip is too large to be code alone.
    """
    folder = source / function
    files = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    if not files:
        raise ValueError(f"{folder} holds no Python files; a function's code is a package there.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in files:
            # Time, mode and system are fixed: of the file system, only names and contents go in.
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), _LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    content = buffer.getvalue()
    if len(content) > LARGEST:
        raise ValueError(
            f"The zip of {function} has {len(content):,} bytes; at most {LARGEST:,} are allowed."
        )
    return Archive(function, content)


def upload(s3: S3Client, bucket: str, archive: Archive) -> bool:
    """Upload a zip unless the bucket holds it already; return whether it was uploaded."""
    try:
        s3.head_object(Bucket=bucket, Key=archive.key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
            raise
        s3.put_object(Bucket=bucket, Key=archive.key, Body=archive.content)
        return True
    return False
