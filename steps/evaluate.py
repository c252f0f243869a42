"""Evaluate: picks the winner by training-side figures and judges it on the test companies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from steps.data import read_frame, target
from steps.features import read_features
from steps.job import Arguments, JobError, one_thread, processing_input, processing_output, run, say
from steps.judging import Judged, judge, reigning_tar, require_parity
from steps.metrics import Labels, roc_auc_difference
from steps.model_quality import model_quality
from steps.schema import TARGET

CANDIDATES = ("published", "recommended")
CHOICES = ("best", *CANDIDATES)


def main(argv: Sequence[str] | None = None) -> None:
    """Write evaluation.json, and the winner's model.tar.gz and contract.json."""
    parser = Arguments(prog="evaluate", description=__doc__)
    for name in (*CANDIDATES, "test", "features", "reigning"):
        parser.add_argument(f"--{name}", type=Path, default=processing_input(name))
    for name in ("evaluation", "model"):
        parser.add_argument(f"--{name}", type=Path, default=processing_output(name))
    parser.add_argument("--register-candidate", default="best")
    parser.add_argument("--min-roc-auc", type=float, default=0.8)
    parser.add_argument("--execution-id", default="")
    parser.add_argument("--random-seed", type=int, default=42)
    args = parser.parse_args(argv)
    if args.register_candidate not in CHOICES:
        raise JobError(
            f"RegisterCandidate is {args.register_candidate!r}; it must be one of {', '.join(CHOICES)}."
        )

    test = read_frame(args.test, "test.parquet", [TARGET])
    y = target(test)
    tars = {"published": args.published / "model.tar.gz", "recommended": args.recommended / "model.tar.gz"}
    with TemporaryDirectory() as scratch, one_thread():
        judged: dict[str, Judged] = {}
        for name, tar in tars.items():
            judged[name] = judge(tar, Path(scratch) / name, test, args.random_seed, name)
            require_parity(judged[name], name)
        winner = choose(judged, args.register_candidate)
        tar = reigning_tar(args.reigning)
        # The reigning model comes from outside of this execution: nothing of it is unpickled.
        reigning = judge(tar, Path(scratch) / "reigning", test, args.random_seed, "reigning") if tar else None

    comparison = _compare(y, judged[winner], reigning, args.random_seed)
    evaluation = {
        "version": 0.0,
        "dataset": {"item_count": len(y)},
        "binary_classification_metrics": model_quality(
            y, judged[winner].probability, judged[winner].facts["threshold"], judged[winner].roc_auc
        ),
        "gate": _gate(judged[winner], comparison, args.min_roc_auc),
        "winner": {
            "candidate": winner,
            "estimator": judged[winner].facts["estimator"],
            "contract": judged[winner].facts["contract"],
            "threshold": judged[winner].facts["threshold"],
        },
        "candidates": {
            name: {
                "estimator": model.facts["estimator"],
                "out_of_fold_roc_auc": model.facts["out_of_fold"]["roc_auc"],
                **model.figures,
            }
            for name, model in judged.items()
        },
        "reigning": _reigning_facts(reigning, comparison),
        "test": {"companies": len(y), "bankruptcies": int(y.sum())},
        "execution_id": args.execution_id,
        "data": read_features(args.features)["data"],
    }
    contract = _contract(judged[winner], test, y)
    for folder in (args.evaluation, args.model):
        folder.mkdir(parents=True, exist_ok=True)
    _write_json(args.evaluation / "evaluation.json", evaluation)
    _write_json(args.model / "contract.json", contract)
    # What was judged is what is registered: the very bytes.
    shutil.copyfile(tars[winner], args.model / "model.tar.gz")
    say(evaluation["gate"]["reason"])


def choose(judged: Mapping[str, Judged], register: str) -> str:
    """Return the candidate to hand on: the one named, or with `best` the better one out of fold.

    The test companies have no say: a model chosen by them would look better on them than it is.
    """
    if register != "best":
        return register
    return max(judged, key=lambda name: float(judged[name].facts["out_of_fold"]["roc_auc"]))


def _compare(y: Labels, winner: Judged, reigning: Judged | None, seed: int) -> dict[str, Any] | None:
    if reigning is None:
        return None
    difference = roc_auc_difference(y, winner.probability, reigning.probability, seed)
    return {"roc_auc_difference": difference.as_dict(), "significantly_worse": difference.high < 0}


def _gate(winner: Judged, comparison: dict[str, Any] | None, minimum: float) -> dict[str, Any]:
    auc = winner.roc_auc
    reached = f"ROC-AUC {auc.value:.3f} on unseen companies (95 % interval {auc.low:.3f} to {auc.high:.3f})"
    passed = auc.value >= minimum
    reason = f"{reached} {'reaches' if passed else 'is below'} MinRocAuc {minimum:g}"
    worse = comparison is not None and comparison["significantly_worse"]
    if comparison is None:
        reason += "; there is no reigning model to compare with."
    else:
        gain = comparison["roc_auc_difference"]
        reason += (
            f"; it is {'significantly' if worse else 'not significantly'} worse than the reigning model "
            f"(difference {gain['value']:+.3f}, 95 % interval {gain['low']:+.3f} to {gain['high']:+.3f})."
        )
    return {"roc_auc": auc.value, "not_worse_than_reigning": 0 if worse else 1, "reason": reason}


def _reigning_facts(reigning: Judged | None, comparison: dict[str, Any] | None) -> dict[str, Any] | None:
    if reigning is None or comparison is None:
        return None
    return {"contract": reigning.facts["contract"], **reigning.figures, "comparison": comparison}


def _contract(winner: Judged, test: pd.DataFrame, y: Labels) -> dict[str, Any]:
    metrics = {
        **winner.figures,
        "test_companies": len(test),
        "test_bankruptcies": int(y.sum()),
    }
    return {**winner.facts, "metrics": metrics, "smoke_test": _smoke_test(winner, y)}


def _smoke_test(winner: Judged, y: Labels) -> dict[str, Any]:
    """Return a known answer to ask a new endpoint for.

    The company is made up of the bankrupt companies' medians, column by column: no real company's
    numbers go out, and at its middling risk a wrong model shows sooner than at a probability near 0.
    """
    features = np.median(winner.X[y == 1], axis=0)
    probability = winner.predict_proba(features[None])[0]
    return {"features": features.tolist(), "probability": float(probability)}


def _write_json(path: Path, contents: dict[str, Any]) -> None:
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
