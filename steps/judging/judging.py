"""Judges models on the test companies: what each reached, and how two compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

import inference
from steps.export.files import unpack_model
from steps.frames import target, values
from steps.job import JobError, require_file
from steps.measures.calibration import Calibration
from steps.measures.intervals import Interval, figure_intervals
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import Floats, expected_calibration_error

PARITY = 1e-9


@dataclass(frozen=True)
class Judged:
    """A model and what it says of the test companies."""

    folder: Path
    facts: dict[str, Any]
    predict_proba: Callable[[Floats], Floats]
    X: Floats
    probability: Floats
    intervals: dict[str, Interval]
    ece: float

    @property
    def roc_auc(self) -> Interval:
        """ROC-AUC on the test companies."""
        return self.intervals["roc_auc"]

    @property
    def figures(self) -> dict[str, Any]:
        """The figures as contract.json has them: ROC-AUC with its interval, the others alone."""
        values = {name: interval.value for name, interval in self.intervals.items()}
        return {**values, "roc_auc": self.roc_auc.as_dict(), "ece": self.ece}


def judge(tar: Path, folder: Path, test: pd.DataFrame, seed: int, name: str) -> Judged:
    """Unpack a model and score the test companies as an endpoint would.

    Parameters
    ----------
    tar : Path
        Its model.tar.gz; of it, model.npz and model.json are read, nothing is unpickled.
    folder : Path
        Where to unpack it.
    test : DataFrame
        The test companies.
    seed : int
        Of the bootstrap.
    name : str
        What to call the model in an error.
    """
    try:
        unpack_model(require_file(tar, f"{name} model"), folder)
        model = inference.load(folder)
    except inference.ArtifactError as error:
        raise JobError(f"The {name} model can't be read: {error}") from error
    names = model.contract.names
    missing = [column for column in names if column not in test.columns]
    if missing:
        raise JobError(
            f"The {name} model can't be judged: it needs columns that the data lacks "
            f"({', '.join(missing)}).\nUse data with all its columns, or remove that model."
        )
    X, y = values(test, names), target(test)
    probability = model.predict_proba(X)
    if not np.all(np.isfinite(probability)):
        count = int(np.sum(~np.isfinite(probability)))
        raise JobError(
            f"The {name} model gives no probability for {count} of {len(y)} test companies: their numbers "
            "are too large for its arithmetic.\nCheck the data for values far beyond those trained on."
        )
    intervals = figure_intervals(y, probability, seed)
    ece = expected_calibration_error(y, probability)
    return Judged(folder, dict(model.contract.facts), model.predict_proba, X, probability, intervals, ece)


def require_parity(judged: Judged, name: str) -> float:
    """Check that what is served equals the scikit-learn pipeline kept for audit.

    Unpickling runs code: call it only for a model that this execution has trained.

    Returns
    -------
    float
        The largest difference of probabilities, at most 1e-9.
    """
    audit = joblib.load(require_file(judged.folder / "model.joblib", f"audit copy of the {name} model"))
    calibration: Calibration = audit["calibration"]
    expected = calibration.apply(pipeline_logit(audit["pipeline"], judged.X))
    difference = float(np.max(np.abs(expected - judged.probability)))
    if difference > PARITY:
        raise JobError(
            f"The {name} model as served differs from the one trained: by up to {difference:.3g} in "
            f"probability, where {PARITY:g} is allowed.\n"
            "Its export (steps/export) and its forward pass (inference/forward) disagree."
        )
    return difference
