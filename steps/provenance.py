"""Provenance: the code and package versions that made a model, for model.json and the report."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn")


def code_sha256() -> str | None:
    """Return the hash of the code that this job runs; None outside of a pipeline."""
    return os.environ.get("CODE_SHA256")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change the metrics."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
