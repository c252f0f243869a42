"""Writes the folder of a served model."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np

import inference
from inference.artifact import FORMAT, load
from steps.export import build_backend, serve
from steps.export.served import Arrays, ServedModel

# Without build requirements, pip can install this package without a network.
PYPROJECT: Final = """\
[build-system]
requires = []
build-backend = "build_backend"
backend-path = ["."]
"""


def write_model(folder: Path, served: ServedModel, contract: dict[str, Any], audit: object) -> None:
    """Write a model folder, which SageMaker or `archive.pack_model` archives.

    Parameters
    ----------
    folder
        Created if it does not exist. Gets model.npz and model.json, which are served; model.joblib, which
        is only for audits; and code/, which the container runs.
    served
        The model.
    contract
        At least `contract`, `features`, `threshold` and `risk_levels`; see `inference.contract.Contract`.
    audit
        The fitted estimator, or any other object to keep from the training.

    Raises
    ------
    inference.errors.ArtifactError
        If the contract is inconsistent, or does not fit the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = npz_bytes(served.arrays)
    (folder / "model.npz").write_bytes(arrays)
    description = {
        **served.spec,
        "format": FORMAT,
        "contract": contract,
        "model_npz_sha256": hashlib.sha256(arrays).hexdigest(),
    }
    text = json.dumps(description, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")
    load(folder)
    joblib.dump(audit, folder / "model.joblib")
    _write_code(folder / "code")


def npz_bytes(arrays: Arrays) -> bytes:
    """Return arrays as an .npz archive whose bytes depend only on the arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def _write_code(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    package = Path(inference.__file__).parent
    for source in sorted(package.rglob("*.py")):
        target = folder / "inference" / source.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for path in (serve.__file__, build_backend.__file__):
        shutil.copy(path, folder)
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
