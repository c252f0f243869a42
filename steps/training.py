"""Training shared by both candidates: out-of-fold predictions, calibration, operating points, artifact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from inference.contract import contract_hash
from steps.dataset.columns import TARGET
from steps.dataset.directions import direction
from steps.dataset.units import two_units
from steps.estimators.unit_repair import UnitRepair
from steps.export.files import write_model
from steps.export.forward import served_logit
from steps.export.served import export_pipeline
from steps.features import feature_names, read_features
from steps.frames import read_frame, target, values
from steps.job import available_cores, log, one_thread
from steps.measures.calibration import Calibration, fit_calibration
from steps.measures.drift import profile
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import average_precision, brier_score, expected_calibration_error, roc_auc
from steps.measures.operating_points import operating_points
from steps.measures.robustness import Score, level_changes, wrong_way
from steps.provenance import code_sha256, versions
from steps.split import FOLDS

Floats = NDArray[np.float64]

# The percentiles between which a ratio is moved: far apart, but within the usual range.
LOW, HIGH = 0.05, 0.95

# Fitting fewer companies takes less time than starting processes, which import scikit-learn again.
_FEW_COMPANIES = 1_000

# Fits on the training companies outside the given fold, or on all of them for None.
Fit = Callable[[int | None], Pipeline]


@dataclass(frozen=True)
class Candidate:
    """The candidate that is trained, and its estimator."""

    name: str
    estimator: str


@dataclass(frozen=True)
class TrainingSet:
    """A candidate's training companies.

    Attributes
    ----------
    names
        The k columns of X.
    X : array of shape (n, k)
        The companies, in the units of the data file.
    y : array of shape (n,)
        1 for companies that went bankrupt, otherwise 0.
    fold : array of shape (n,)
        The fold of each company.
    origin
        Facts about the data file and the settings, which are stored in the model.
    """

    names: list[str]
    X: Floats
    y: NDArray[np.int8]
    fold: NDArray[np.int8]
    origin: Mapping[str, Any] = field(default_factory=dict)

    def outside(self, fold: int | None) -> NDArray[np.bool_]:
        """Return the companies outside `fold`, or all for None, as a mask of shape (n,)."""
        return np.ones(len(self.fold), dtype=bool) if fold is None else self.fold != fold


def read_training_set(train: Path, features: Path, candidate: str) -> TrainingSet:
    """Read a candidate's training companies from the folders that SelectFeatures wrote."""
    names = feature_names(features, candidate)
    facts = read_features(features)
    origin = {name: facts[name] for name in ("data", "feature_count", "random_seed")}
    origin["split_rule"] = facts["split"]["rule"]
    frame: pd.DataFrame = read_frame(train, "train.parquet", [*names, TARGET, "fold"])
    fold = frame["fold"].to_numpy(dtype=np.int8)
    return TrainingSet(names, values(frame, names), target(frame), fold, origin)


def train_candidate(
    candidate: Candidate, data: TrainingSet, fit: Fit, model_dir: Path, processes: int
) -> None:
    """Fit a candidate, calibrate it on out-of-fold predictions and write its artifact.

    Parameters
    ----------
    candidate
        The names for the contract.
    data
        Real companies, not resampled ones.
    fit
        Called once with None and once with each fold. The result must depend only on its argument.
    model_dir
        Gets model.npz, model.json, model.joblib and code/.
    processes
        The number of parallel fits. It does not change the result.
    """
    pipeline, *without_fold = _fit_all(fit, processes)
    of_folds = [served_logit(each) for each in without_fold]

    def out_of_fold_logit(X: Floats, companies: NDArray[np.intp]) -> Floats:
        return _out_of_fold_logit(of_folds, X, data.fold[companies])

    logit = out_of_fold_logit(data.X, np.arange(len(data.y)))
    calibration = fit_calibration(logit, data.y)
    probability = calibration.apply(logit)
    metrics = {
        "roc_auc": roc_auc(data.y, probability),
        "pr_auc": average_precision(data.y, probability),
        "brier": brier_score(data.y, probability),
        "ece": expected_calibration_error(data.y, probability),
    }
    contract = _contract(candidate, data, pipeline, probability)
    contract["out_of_fold"] = {
        **metrics,
        "companies": len(data.y),
        "bankruptcies": int(data.y.sum()),
        "robustness": _robustness(
            data,
            lambda X, companies: calibration.apply(out_of_fold_logit(X, companies)),
            [level["from"] for level in contract["risk_levels"][1:]],
        ),
    }
    contract["smoke_test"] = _known_answer(data, pipeline, calibration)
    contract["training"] = _training_facts(data, probability)
    audit = {"pipeline": pipeline, "calibration": calibration, "features": data.names}
    write_model(model_dir, export_pipeline(pipeline, calibration), contract, audit)
    log(f"{candidate.name} ({candidate.estimator}), out of fold on {len(data.y):,} training companies:")
    for name, value in metrics.items():
        log(f"{name}={value:.6f}")


def default_processes(data: TrainingSet) -> int:
    """Return how many processes fit a candidate: one for few companies, otherwise one for each core."""
    return 1 if len(data.y) < _FEW_COMPANIES else available_cores()


def _fit_all(fit: Fit, processes: int) -> list[Pipeline]:
    """Return the pipeline fitted on all companies, and one without each fold."""
    parts: list[int | None] = [None, *range(FOLDS)]
    if processes > 1:
        from joblib import Parallel, delayed  # noqa: PLC0415 (A slow import that only parallel fits need.)

        # Its workers import scikit-learn again. Forked ones would not, but pandas has threads by now, and a
        # process that is forked from one with threads can hang.
        return list(Parallel(n_jobs=processes)(delayed(_fit_one)(fit, part) for part in parts))
    return [_fit_one(fit, part) for part in parts]


def _out_of_fold_logit(
    of_folds: Sequence[Callable[[Floats], Floats]], X: Floats, fold: NDArray[np.int8]
) -> Floats:
    """Return the logit of each company by the pipeline that was fitted without its fold."""
    logit = np.empty(len(X))
    with one_thread():
        for number, logit_without in enumerate(of_folds):
            held_out = fold == number
            logit[held_out] = logit_without(X[held_out])
    return logit


def _fit_one(fit: Fit, part: int | None) -> Pipeline:
    with one_thread():
        return fit(part)


def _training_facts(data: TrainingSet, probability: Floats) -> dict[str, Any]:
    """Return the model's provenance, and the profile that later data is compared with."""
    features = profile(dict(zip(data.names, data.X.T, strict=True)))
    return {
        **data.origin,
        "code_sha256": code_sha256(),
        "versions": versions(),
        "companies": len(data.y),
        "bankruptcies": int(data.y.sum()),
        "profile": {"features": features, **profile({"probability": probability})},
    }


def _robustness(data: TrainingSet, score: Score, bounds: Sequence[float]) -> dict[str, Any]:
    """Return the robustness figures of the out-of-fold predictions."""
    seed = int(data.origin.get("random_seed", 0))
    rises = {index: direction(name) for index, name in enumerate(data.names) if direction(name)}
    # Sorting a column with two units needs the conversion first.
    repaired = UnitRepair(data.names).transform(data.X)
    moves = {}
    for index in rises:
        order = np.argsort(repaired[:, index], kind="stable")
        low, high = data.X[order[[round(share * (len(order) - 1)) for share in (LOW, HIGH)]], index]
        moves[index] = (float(low), float(high))
    shares = wrong_way(score, data.X, moves, rises, seed)
    return {
        "level_changes": level_changes(score, data.X, bounds, seed),
        "wrong_way": {data.names[index]: share for index, share in shares.items()},
    }


def _known_answer(data: TrainingSet, pipeline: Pipeline, calibration: Calibration) -> dict[str, Any]:
    """Return an invented company and its probability, by which a copy of the model can be recognized.

    The company consists of the bankrupt companies' medians, column by column. No real company's numbers are
    published, and a medium risk exposes a wrong model better than a probability near 0.
    """
    features = np.median(data.X[data.y == 1], axis=0)
    with one_thread():
        probability = calibration.apply(pipeline_logit(pipeline, features[None]))[0]
    return {"features": features.tolist(), "probability": float(probability)}


def _contract(
    candidate: Candidate, data: TrainingSet, pipeline: Pipeline, probability: Floats
) -> dict[str, Any]:
    points = operating_points(data.y, probability)
    return {
        "contract": contract_hash(data.names),
        "features": _features(data, repairs_units=any(isinstance(step, UnitRepair) for step in pipeline)),
        "threshold": points.threshold,
        "risk_levels": points.risk_levels(),
        "candidate": candidate.name,
        "estimator": candidate.estimator,
    }


def _features(data: TrainingSet, *, repairs_units: bool) -> list[dict[str, Any]]:
    """Return the contract's features, with the two units of a column that the pipeline converts."""
    features = []
    for name, column in zip(data.names, data.X.T, strict=True):
        facts = {
            "name": name,
            "min": float(column.min()),
            "max": float(column.max()),
            "median": float(np.median(column)),
        }
        units = two_units(name) if repairs_units else None
        features.append({**facts, "two_units": units} if units else facts)
    return features
