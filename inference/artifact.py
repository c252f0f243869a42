"""Loads a served model from model.json and model.npz, without unpickling anything."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.contract import Contract
from inference.errors import ArtifactError
from inference.forward import chain
from inference.forward.calibration import Sigmoid
from inference.forward.stage import Floats, Stage, run_in_chunks

FORMAT: Final = 1
# Limits on a model's files, far above this project's models: they have 16 kB of JSON, under 1 MB of arrays,
# 6 to 40 arrays and 4 to 20 stages. Larger files are rejected before anything is built from them.
MAX_JSON_BYTES: Final = 4_000_000
MAX_NPZ_BYTES: Final = 200_000_000
MAX_ARRAYS: Final = 2_000
MAX_STAGES: Final = 200
# Processors and versions of numpy round differently; a wrong model differs far more.
KNOWN_ANSWER_TOLERANCE: Final = 1e-9
# The signature of each entry in a zip archive's directory.
_ENTRY: Final = b"PK\x01\x02"
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
        rested = time.monotonic()

        def rest() -> None:
            nonlocal rested
            if time.monotonic() - rested > BUSY_SECONDS:
                # Lets the worker answer other requests, such as health checks. AWS's workers run on
                # gevent, which does not look for new requests if this is 0.
                time.sleep(1e-4)
                rested = time.monotonic()

        return run_in_chunks(stages, X, rest)


def load(folder: Path) -> Model:
    """Load the model from a folder.

    Parameters
    ----------
    folder
        Holds model.json and model.npz.

    Raises
    ------
    ArtifactError
        If a file is missing, damaged or too large, the files do not belong together, the format is
        unsupported, or the model does not give its known company the known probability.
    """
    description = _read_description(folder / "model.json")
    contract = Contract.from_facts(description["contract"])
    specs = description["stages"]
    _check_stages(specs)
    arrays = _read_arrays(folder / "model.npz", description["model_npz_sha256"])
    stages = chain(specs, arrays, len(contract.names))
    calibration = stages.pop() if stages else None
    if not isinstance(calibration, Sigmoid):
        raise ArtifactError("The model's last stage is not a sigmoid, so its output is not a probability.")
    model = Model(contract, stages, calibration)
    _check_known_answer(model)
    return model


def _check_known_answer(model: Model) -> None:
    """Raise if the model answers differently from the one that was trained and evaluated.

    In the container, a model that can't be loaded fails the health check, so it never gets a request.
    """
    known = model.contract.known_answer
    if known is None:
        return
    found = float(model.predict_proba(np.array([known.features]))[0])
    # Written so that NaN fails.
    if not abs(found - known.probability) <= KNOWN_ANSWER_TOLERANCE:
        raise ArtifactError(
            f"The model gives its known company the probability {found}, but {known.probability} is stated. "
            "Its arrays, its description or the code differ from those of its training; train it again."
        )


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(limit + 1) if size <= limit else b""
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read ({error.strerror}); a model folder holds model.json and model.npz."
        ) from error
    if max(size, len(content)) > limit:
        raise ArtifactError(
            f"{path} has {size:,} bytes; at most {limit:,} are allowed. Export a smaller model."
        )
    return content


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_read(path, MAX_JSON_BYTES))
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


def _check_stages(specs: list[dict[str, Any]]) -> None:
    """Raise if there are too many stages, or if stages share arrays, whose copies could fill the memory.

    A blend's members count, too. Their form is checked when they are built.
    """
    chains: list[Any] = [specs]
    for spec in specs:
        members = spec.get("members")
        chains += members if isinstance(members, list) else []
    # An empty member counts as a stage.
    count = sum(max(1, len(each)) if isinstance(each, list) else 1 for each in chains)
    if count > MAX_STAGES:
        raise ArtifactError(
            f"The model has {count:,} stages, with those of its blends; at most {MAX_STAGES} are allowed. "
            "Export a model with fewer stages."
        )
    stages = [spec for each in chains if isinstance(each, list) for spec in each]
    owners = Counter(
        spec["arrays"] for spec in stages if isinstance(spec, Mapping) and isinstance(spec.get("arrays"), str)
    )
    repeated = [name for name, uses in owners.items() if uses > 1]
    if repeated:
        raise ArtifactError(
            f"{owners[repeated[0]]} stages have the arrays {repeated[0]!r}; each stage needs its own. "
            "Export the model again."
        )


def _read_arrays(path: Path, sha256: str) -> dict[str, npt.NDArray[Any]]:
    content = _read(path, MAX_NPZ_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ArtifactError(
            f"{path} is damaged or belongs to another model: its SHA-256 is {found}, "
            f"model.json states {sha256}."
        )
    # Reading the directory of an archive with millions of entries takes seconds, so count them first.
    entries = content.count(_ENTRY)
    if entries > MAX_ARRAYS:
        raise ArtifactError(
            f"{path} has about {entries:,} arrays; at most {MAX_ARRAYS:,} are allowed. "
            "Export a smaller model."
        )
    try:
        # np.load would return the raw bytes of members that are not arrays.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_members(archive.infolist(), len(content))
            return {
                _array_name(name): np.lib.format.read_array(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
            }
    except Exception as error:
        # zipfile, the decompressors and numpy's header parser raise many types of errors.
        raise ArtifactError(
            f"{path} is not an archive of plain arrays ({error}). Export the model again."
        ) from error


def _check_members(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Raise ValueError if an archive's members must not be read."""
    names = Counter(_array_name(member.filename) for member in members)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise ValueError(f"it has {names[repeated[0]]} members {repeated[0]!r}; one is allowed")
    # A compressed member could be thousands of times larger than the archive.
    packed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise ValueError(f"the member {packed[0]!r} is compressed; only stored members are allowed")
    stated = sum(member.file_size for member in members)
    if stated > size:
        raise ValueError(f"its members have {stated:,} bytes, but the archive only {size:,}")


def _array_name(member: str) -> str:
    return member.removesuffix(".npy")
