"""Loads a served model from model.json and model.npz, without unpickling anything."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.contract import Contract
from inference.errors import ArtifactError
from inference.forward import chain, run
from inference.forward.calibration import Sigmoid
from inference.forward.stage import Floats, Stage

FORMAT: Final = 1
# The stages' intermediate arrays have at most this many rows, which limits memory.
CHUNK_ROWS: Final = 512
# The longest time that a large batch runs before other requests of the worker get a turn.
BUSY_SECONDS: Final = 0.05


class Model:
    """A served model.

    Parameters
    ----------
    contract
        The model's features, threshold and risk levels.
    stages
        The forward pass from raw columns to a logit.
    calibration
        Maps that logit to the probability of bankruptcy.
    """

    def __init__(self, contract: Contract, stages: Sequence[Stage], calibration: Sigmoid) -> None:
        self.contract = contract
        self._stages = tuple(stages)
        self._calibration = calibration

    def predict_proba(self, X: Floats) -> Floats:
        """Return each row's probability of bankruptcy.

        Parameters
        ----------
        X
            (n, k) finite numbers, with the columns `contract.names` in that order.

        Returns
        -------
        ndarray of float64, (n,)
            NaN only if numbers are so large that the model's arithmetic overflows.

        Raises
        ------
        ValueError
            If `X` does not have k columns.
        """
        return self._run((*self._stages, self._calibration), X)

    def log_odds(self, X: Floats) -> Floats:
        """Return each row's log-odds of bankruptcy, (n,); their sigmoid is `predict_proba`.

        They differ even if probabilities round to the same number. Very large inputs can make them infinite.
        """
        return self._calibration.slope * self._run(self._stages, X) + self._calibration.intercept

    def _run(self, stages: Sequence[Stage], X: Floats) -> Floats:
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self.contract.names):
            raise ValueError(f"X has the shape {X.shape}; it must be (n, {len(self.contract.names)}).")
        results = np.empty(len(X))
        rested = time.monotonic()
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(X), CHUNK_ROWS):
                if time.monotonic() - rested > BUSY_SECONDS:
                    # Lets the worker answer other requests, such as health checks. AWS's workers run on
                    # gevent, which does not look for new requests if this is 0.
                    time.sleep(1e-4)
                    rested = time.monotonic()
                rows = slice(start, start + CHUNK_ROWS)
                results[rows] = run(stages, X[rows])[:, 0]
        return results


def load(folder: Path) -> Model:
    """Load the model from a folder.

    Parameters
    ----------
    folder
        Holds model.json and model.npz.

    Raises
    ------
    ArtifactError
        If a file is missing or damaged, the files do not belong together, or the format is unsupported.
    """
    description = _read_description(folder / "model.json")
    contract = Contract.from_facts(description["contract"])
    arrays = _read_arrays(folder / "model.npz", description["model_npz_sha256"])
    specs = description["stages"]
    stages = chain(specs, arrays, len(contract.names))
    calibration = stages.pop() if stages else None
    if not isinstance(calibration, Sigmoid):
        raise ArtifactError("The model's last stage is not a sigmoid, so its output is not a probability.")
    return Model(contract, stages, calibration)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read ({error.strerror}); a model folder holds model.json and model.npz."
        ) from error


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(
            f"{path} is damaged: it is not JSON ({error}). Export the model again."
        ) from error
    if not isinstance(description, dict) or "format" not in description:
        raise ArtifactError(f"{path} is not a model of this project: it has no format.")
    if description["format"] != FORMAT:
        raise ArtifactError(
            f"{path} has the format {description['format']!r}; this code reads format {FORMAT}. "
            "Serve the model with the code in its archive."
        )
    for key, kind in (("contract", dict), ("stages", list), ("model_npz_sha256", str)):
        if not isinstance(description.get(key), kind):
            raise ArtifactError(f"{path} is damaged: {key!r} is missing or is not a {kind.__name__}.")
    if not all(isinstance(spec, dict) for spec in description["stages"]):
        raise ArtifactError(f"{path} is damaged: each stage must be an object.")
    return description


def _read_arrays(path: Path, sha256: str) -> dict[str, npt.NDArray[Any]]:
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ArtifactError(
            f"{path} is damaged or belongs to another model: its SHA-256 is {found}, "
            f"model.json states {sha256}."
        )
    try:
        # np.load would return the raw bytes of members that are not arrays.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
            }
    except Exception as error:
        # zipfile, the decompressors and numpy's header parser raise many types of errors.
        raise ArtifactError(
            f"{path} is not an archive of plain arrays ({error}). Export the model again."
        ) from error
