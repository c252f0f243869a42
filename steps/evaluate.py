"""Evaluate: picks the selected candidate by training-side figures and judges it on the test companies."""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from steps.dataset.columns import TARGET
from steps.features import read_features
from steps.frames import read_frame, target, values
from steps.job import Arguments, JobError, one_thread, processing_input, processing_output, run, say
from steps.judging.gate import COMPARE_CHOICES, Champion, Comparison, compare, gate, judge_champion
from steps.judging.judging import Judged, judge, require_parity
from steps.judging.model_quality import model_quality
from steps.measures.drift import drift
from steps.measures.importance import permutation_importance
from steps.measures.metrics import Floats, Labels, confusion
from steps.provenance import code_sha256, versions
from steps.report.page import render
from steps.report.subject import Subject

CANDIDATES = ("baseline", "recommended")
CHOICES = ("best", *CANDIDATES)


def main(argv: Sequence[str] | None = None) -> None:
    """Write evaluation.json and report.html, and the selected candidate's model.tar.gz and contract.json."""
    parser = Arguments(prog="evaluate", description=__doc__)
    for name in (*CANDIDATES, "test", "features", "champion"):
        parser.add_argument(f"--{name}", type=Path, default=processing_input(name))
    for name in ("evaluation", "model"):
        parser.add_argument(f"--{name}", type=Path, default=processing_output(name))
    parser.add_argument("--register-candidate", default="best")
    parser.add_argument("--min-roc-auc", type=float, default=0.8)
    parser.add_argument("--compare-with-champion", default="yes")
    parser.add_argument("--execution-id", default="")
    parser.add_argument("--random-seed", type=int, default=42)
    args = parser.parse_args(argv)
    _require("RegisterCandidate", args.register_candidate, CHOICES)
    _require("CompareWithChampion", args.compare_with_champion, COMPARE_CHOICES)

    test = read_frame(args.test, "test.parquet", [TARGET])
    y = target(test)
    tars = {"baseline": args.baseline / "model.tar.gz", "recommended": args.recommended / "model.tar.gz"}
    with TemporaryDirectory() as scratch, one_thread():
        judged: dict[str, Judged] = {}
        for name, tar in tars.items():
            judged[name] = judge(tar, Path(scratch) / name, test, args.random_seed, name)
            require_parity(judged[name], name)
        selected = choose(judged, args.register_candidate)
        champion = judge_champion(
            args.champion, Path(scratch) / "champion", test, args.random_seed, args.compare_with_champion
        )

        importance = permutation_importance(
            judged[selected].predict_proba,
            judged[selected].X,
            y,
            [feature["name"] for feature in judged[selected].facts["features"]],
            args.random_seed,
        )

    features = read_features(args.features)
    others = {name: model for name, model in judged.items() if name != selected}
    if champion is not None and champion.judged is not None:
        others["champion"] = champion.judged
    comparisons = {
        name: compare(y, judged[selected], other, args.random_seed) for name, other in others.items()
    }
    facts = judged[selected].facts
    evaluation = {
        "version": 0.0,
        "dataset": {"item_count": len(y)},
        "binary_classification_metrics": model_quality(
            y, judged[selected].probability, facts["threshold"], judged[selected].intervals
        ),
        "gate": gate(judged[selected], args.min_roc_auc, champion, comparisons.get("champion")),
        "selected": {
            "candidate": selected,
            "estimator": facts["estimator"],
            "contract": facts["contract"],
            "threshold": facts["threshold"],
            "chosen_by": "RegisterCandidate" if args.register_candidate != "best" else "out_of_fold_roc_auc",
        },
        "candidates": {name: _candidate(model, comparisons.get(name)) for name, model in judged.items()},
        "champion": _champion(champion, comparisons.get("champion")),
        "risk_levels": [_observed(level, y, judged[selected].probability) for level in facts["risk_levels"]],
        "test": {"companies": len(y), "bankruptcies": int(y.sum())},
        "execution_id": args.execution_id,
        "data": features["data"],
        "importance": [asdict(feature) for feature in importance],
        "drift": _drift(champion, test),
        "provenance": _provenance(args, features, judged),
    }
    contract = _contract(judged[selected], test, y)
    for folder in (args.evaluation, args.model):
        folder.mkdir(parents=True, exist_ok=True)
    _write_json(args.evaluation / "evaluation.json", evaluation)
    models = judged | ({"champion": others["champion"]} if "champion" in others else {})
    report = render(Subject(evaluation, y, models, importance, features, datetime.now(UTC)))
    (args.evaluation / "report.html").write_text(report, encoding="utf-8")
    _write_json(args.model / "contract.json", contract)
    # What was judged is what is registered: the very bytes.
    shutil.copyfile(tars[selected], args.model / "model.tar.gz")
    say(evaluation["gate"]["reason"])


def choose(judged: Mapping[str, Judged], register: str) -> str:
    """Return the candidate to hand on: the one named, or with `best` the better one out of fold.

    The test companies have no say: a model chosen by them would look better on them than it is.
    """
    if register != "best":
        return register
    return max(judged, key=lambda name: float(judged[name].facts["out_of_fold"]["roc_auc"]))


def _candidate(model: Judged, comparison: Comparison | None) -> dict[str, Any]:
    return {
        "estimator": model.facts["estimator"],
        "out_of_fold_roc_auc": model.facts["out_of_fold"]["roc_auc"],
        **_figures(model),
        # Of the selected candidate minus this one.
        "comparison": comparison.as_dict() if comparison else None,
    }


def _champion(champion: Champion | None, comparison: Comparison | None) -> dict[str, Any] | None:
    if champion is None:
        return None
    if champion.judged is None or comparison is None:
        return {"compared": False, "reason": champion.why_not}
    return {
        "compared": True,
        "contract": champion.judged.facts["contract"],
        # A contract need not state it, nor what the model reached out of fold.
        "estimator": champion.judged.facts.get("estimator", "unknown"),
        **_figures(champion.judged),
        "comparison": comparison.as_dict(),
    }


def _observed(level: Mapping[str, Any], y: Labels, probability: Floats) -> dict[str, Any]:
    """Return a risk level with what flagging from it on does to the test companies."""
    counts = confusion(y, probability, level["from"])
    return {
        **level,
        "observed": {
            "false_positive_rate": counts.false_positive_rate,
            "recall": counts.recall,
            # Without any prediction there is no precision.
            "precision": None if math.isnan(counts.precision) else counts.precision,
        },
    }


def _figures(model: Judged) -> dict[str, Any]:
    intervals = {name: interval.as_dict() for name, interval in model.intervals.items()}
    return {**model.figures, "intervals": intervals}


def _drift(champion: Champion | None, test: pd.DataFrame) -> dict[str, Any] | None:
    """Return how far the test companies lie from what the champion was trained on."""
    model = champion.judged if champion else None
    # A model of an earlier version of this code carries no profile.
    if model is None or "training" not in model.facts:
        return None
    facts = model.facts["training"]
    names = [feature["name"] for feature in model.facts["features"]]
    columns = dict(zip(names, values(test, names).T, strict=True))
    return {
        **drift(facts, columns, model.probability),
        "trained_on": {
            "companies": facts["companies"],
            "bankruptcies": facts["bankruptcies"],
            "data_sha256": facts["data"]["sha256"],
        },
    }


def _provenance(
    args: argparse.Namespace, features: Mapping[str, Any], judged: Mapping[str, Judged]
) -> dict[str, Any]:
    training = {name: model.facts["training"] for name, model in judged.items()}
    return {
        "parameters": {
            "FeatureCount": features["feature_count"],
            "Resampler": training["baseline"]["resampler"],
            "Estimator": judged["recommended"].facts["estimator"],
            "RegisterCandidate": args.register_candidate,
            "MinRocAuc": args.min_roc_auc,
            "CompareWithChampion": args.compare_with_champion,
            "RandomSeed": args.random_seed,
        },
        "code_sha256": {
            "TrainBaseline": training["baseline"]["code_sha256"],
            "TrainRecommended": training["recommended"]["code_sha256"],
            "Evaluate": code_sha256(),
        },
        "versions": versions(),
    }


def _require(parameter: str, given: str, choices: Sequence[str]) -> None:
    if given not in choices:
        raise JobError(f"{parameter} is {given!r}; it must be one of {', '.join(choices)}.")


def _contract(selected: Judged, test: pd.DataFrame, y: Labels) -> dict[str, Any]:
    metrics = {
        **selected.figures,
        "test_companies": len(test),
        "test_bankruptcies": int(y.sum()),
    }
    # What it was trained on is for those who judge models, not for the API's clients.
    facts = {name: fact for name, fact in selected.facts.items() if name != "training"}
    return {**facts, "metrics": metrics, "smoke_test": _smoke_test(selected, y)}


def _smoke_test(selected: Judged, y: Labels) -> dict[str, Any]:
    """Return a known answer to ask a new endpoint for.

    The company is made up of the bankrupt companies' medians, column by column: no real company's
    numbers go out, and at its middling risk a wrong model shows sooner than at a probability near 0.
    """
    features = np.median(selected.X[y == 1], axis=0)
    probability = selected.predict_proba(features[None])[0]
    return {"features": features.tolist(), "probability": float(probability)}


def _write_json(path: Path, contents: dict[str, Any]) -> None:
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
