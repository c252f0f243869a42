"""Packs the Lambda functions into zips; the same files give the same bytes on every machine."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from scripts.aws.failures import unless_gone
from scripts.aws.session import Aws

_ROOT = Path(__file__).resolve().parents[2]
# An installed wheel has the functions' packages beside this one; a checkout has them in lambda/.
SOURCE = _ROOT / "lambda" if (_ROOT / "lambda").is_dir() else _ROOT
FUNCTIONS = ("predict_api", "deploy_model", "send_notices", "watch_api", "watch_model")
# AWS's console shows the code of zips up to 3 MB; ours stay far smaller.
LARGEST = 100_000
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """A function's zip.

    Parameters
    ----------
    function
        Name of the package in it.
    content
        The bytes of the zip.
    """

    function: str
    content: bytes

    @property
    def key(self) -> str:
        """Its key in the bucket, which contains its hash, so that new code gets a new key."""
        return f"code/{hashlib.sha256(self.content).hexdigest()}/{self.function}.zip"


def pack(function: str, source: Path = SOURCE) -> Archive:
    """Zip the Python files of a function's package.

    Parameters
    ----------
    function
        Name of the package's folder.
    source
        The folder that contains it.

    Raises
    ------
    ValueError
        If there is no such package, or the zip is larger than `LARGEST`.
    """
    folder = source / function
    files = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    if not files:
        raise ValueError(f"{folder} contains no Python files; the code of a function is a package there.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in files:
            # Fixed time, mode and system: only names and contents decide the bytes.
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), _EARLIEST)
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


def upload(aws: Aws, archive: Archive) -> bool:
    """Upload a zip, unless the bucket already has it; return whether it was uploaded."""
    s3, bucket = aws.client("s3"), aws.project.bucket
    if unless_gone(s3.head_object, Bucket=bucket, Key=archive.key):
        return False
    s3.put_object(Bucket=bucket, Key=archive.key, Body=archive.content)
    return True
