"""Scores the test companies with a packed model, exactly as an endpoint would."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inference.artifact import load
from inference.errors import ArtifactError
from steps.export.archive import unpack_model
from steps.frames import firms, target, values
from steps.job import JobError, require_file
from steps.measures.intervals import Interval, metric_intervals
from steps.measures.metrics import Floats, calibration_noise_floor, expected_calibration_error


@dataclass(frozen=True)
class JudgedModel:
    """A model with its probabilities and metrics on the test companies.

    Attributes
    ----------
    folder
        The unpacked model.
    archive_sha256
        SHA-256 of the model.tar.gz, in hex.
    facts
        The model's contract, as in model.json.
    predict_proba
        Scores companies, (n, k) to (n,).
    X
        The test companies, (n, k), with the model's columns.
    probability
        Their probabilities of bankruptcy, (n,).
    intervals
        Metrics by name, each with its bootstrap interval.
    ece
        The expected calibration error.
    ece_noise_floor
        The expected calibration error that perfect probabilities would have on average.
    """

    folder: Path
    archive_sha256: str
    facts: dict[str, Any]
    predict_proba: Callable[[Floats], Floats]
    X: Floats
    probability: Floats
    intervals: dict[str, Interval]
    ece: float
    ece_noise_floor: float

    @property
    def roc_auc(self) -> Interval:
        """ROC-AUC on the test companies."""
        return self.intervals["roc_auc"]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics as in contract.json: ROC-AUC with its interval, the others without."""
        metrics = {name: interval.value for name, interval in self.intervals.items()}
        calibration = {"ece": self.ece, "ece_noise_floor": self.ece_noise_floor}
        return {**metrics, "roc_auc": self.roc_auc.as_dict(), **calibration}


def judge(tar: Path, folder: Path, test: pd.DataFrame, seed: int, name: str) -> JudgedModel:
    """Unpack a model and score the test companies with it.

    Parameters
    ----------
    tar
        The model.tar.gz. Only model.npz and model.json are read; nothing is unpickled.
    folder
        Where to unpack it.
    test
        The test companies.
    seed
        Seed of the bootstrap.
    name
        The model's name in error messages.

    Raises
    ------
    JobError
        If the model cannot be read, needs columns that the data lacks, or gives no probability for some
        company.
    """
    try:
        unpack_model(require_file(tar, f"{name} model"), folder)
        model = load(folder)
    except ArtifactError as error:
        raise JobError(f"The {name} model cannot be read: {error}") from error
    names = model.contract.names
    missing = [column for column in names if column not in test.columns]
    if missing:
        raise JobError(
            f"The {name} model cannot be judged: the data lacks its columns {', '.join(missing)}.",
            "Use data with all of these columns, or remove the model.",
        )
    X, y = values(test, names), target(test)
    probability = model.predict_proba(X)
    invalid = int(np.sum(~np.isfinite(probability)))
    if invalid:
        raise JobError(
            f"The {name} model gives no probability for {invalid} of {len(y)} test companies, because their "
            "numbers overflow its arithmetic.",
            "Check the data for values far outside the training range.",
        )
    intervals = metric_intervals(y, probability, firms(test), seed)
    ece = expected_calibration_error(y, probability)
    with tar.open("rb") as archive:
        sha256 = hashlib.file_digest(archive, "sha256").hexdigest()
    facts = dict(model.contract.facts)
    floor = calibration_noise_floor(probability, seed)
    return JudgedModel(folder, sha256, facts, model.predict_proba, X, probability, intervals, ece, floor)
