"""PEP 517 build backend for a model's code/ folder that only needs the standard library.

The container runs `pip install .` at every start. With the default backend, pip would download setuptools,
and an endpoint without internet access could not start.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

NAME = "bankruptcy_model_code"
VERSION = "1"
TAG = "py3-none-any"


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, object] | None = None,  # noqa: ARG001 - signature of PEP 517
    metadata_directory: str | None = None,  # noqa: ARG001
) -> str:
    """Build a wheel of the working directory and return its file name."""
    info = f"{NAME}-{VERSION}.dist-info"
    files = {
        path.as_posix(): path.read_bytes()
        for path in (Path("serve.py"), *sorted(Path("inference").rglob("*.py")))
    }
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = f"{NAME}-{VERSION}-{TAG}.whl"
    with zipfile.ZipFile(Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
