"""Provenance: what a model was made of and by which code, as it stands in model.json and the report."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn")


def code_sha256() -> str | None:
    """Return the hash that names the code that this job runs; None outside of a pipeline."""
    return os.environ.get("CODE_SHA256")


def versions() -> dict[str, str]:
    """Return the versions that figures can depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
