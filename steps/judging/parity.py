"""Checks that the exported model gives the same probabilities as the scikit-learn pipeline."""

from __future__ import annotations

import joblib
import numpy as np

# model.joblib holds instances of its classes; the import puts them into the code of the job that loads it.
from steps.estimators import recipes  # noqa: F401
from steps.job import JobError, require_file
from steps.judging.judged_model import JudgedModel
from steps.measures.calibration import Calibration
from steps.measures.logits import pipeline_logit

# The largest allowed difference of two probabilities.
PARITY = 1e-9


def require_parity(judged: JudgedModel, name: str) -> float:
    """Compare the served probabilities with those of the scikit-learn pipeline in model.joblib.

    Unpickling runs code, so only call this for a model that was trained in this execution.

    Returns
    -------
    float
        The largest difference of two probabilities, at most `PARITY`.

    Raises
    ------
    JobError
        If a difference is larger.
    """
    audit = joblib.load(require_file(judged.folder / "model.joblib", f"audit copy of the {name} model"))
    calibration: Calibration = audit["calibration"]
    expected = calibration.apply(pipeline_logit(audit["pipeline"], judged.X))
    difference = float(np.max(np.abs(expected - judged.probability)))
    if difference > PARITY:
        raise JobError(
            f"The exported {name} model differs from the trained one by up to {difference:.3g} in "
            f"probability; at most {PARITY:g} is allowed.",
            "Compare its export (steps/export) with its forward pass (inference/forward).",
        )
    return difference
