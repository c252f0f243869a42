"""Makes the evaluation.json of a version without an execution."""

from __future__ import annotations

from typing import Any


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def evaluation(*, champion: dict[str, Any] | None = None, file: str = "data.csv") -> dict[str, Any]:
    """Return the parts of evaluation.json that are shown to people."""
    intervals = {
        "roc_auc": interval(0.9412, 0.9105, 0.9688),
        "pr_auc": interval(0.4387, 0.3012, 0.5721),
        "brier": interval(0.0221, 0.0174, 0.0271),
        "recall_at_5_percent_fpr": interval(0.7059, 0.55, 0.85),
    }
    return {
        "selected": {"candidate": "recommended", "estimator": "blend"},
        "candidates": {
            "recommended": {"estimator": "blend", "out_of_fold_roc_auc": 0.9433, "intervals": intervals}
        },
        "champion": champion,
        "test": {"companies": 1364, "bankruptcies": 44},
        "data": {"file": file, "sha256": "0" * 64},
        "split_rule": "by firm",
        "provenance": {"parameters": {"Estimator": "blend", "RandomSeed": 42}},
        "binary_classification_metrics": {
            "receiver_operating_characteristic_curve": {
                "false_positive_rates": [0.0, 0.0, 0.1, 1.0],
                "true_positive_rates": [0.0, 0.5, 0.9, 1.0],
            },
            "precision_recall_curve": {"precisions": [1.0, 0.6, 0.2], "recalls": [0.3, 0.5, 1.0]},
        },
        "calibration": [
            {"companies": 1300, "bankruptcies": 13, "predicted": 0.011},
            {"companies": 64, "bankruptcies": 31, "predicted": 0.45},
        ],
        "gate": {"passed": True, "reason": "ROC-AUC 0.941 on unseen companies reaches MinRocAuc 0.8."},
    }


def compared() -> dict[str, Any]:
    """Return the part about a champion that the version was compared with."""
    return {
        "compared": True,
        "comparison": {
            "verdict": "not significantly different",
            "roc_auc_difference": interval(0.0123, -0.0104, 0.0351),
            "log_loss_increase": interval(-0.021, -0.0655, 0.0149),
        },
    }
