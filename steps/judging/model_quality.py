"""Builds SageMaker's model-quality document for binary classification, which Studio can plot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from steps.measures.intervals import Interval
from steps.measures.metrics import Floats, Labels, confusion, curve


def model_quality(
    y: Labels, probability: Floats, threshold: float, intervals: Mapping[str, Interval]
) -> dict[str, Any]:
    """Return the `binary_classification_metrics` of predictions at a threshold.

    Only bootstrapped metrics have a standard deviation; for the others it is "NaN", as in SageMaker.
    """
    counts = confusion(y, probability, threshold)
    # The best constant classifier predicts "not bankrupt" for every company.
    constant = confusion(y, np.zeros(len(y)), 0.5)
    return {
        "confusion_matrix": {
            "0": {"0": counts.true_negatives, "1": counts.false_positives},
            "1": {"0": counts.false_negatives, "1": counts.true_positives},
        },
        "recall": _metric(counts.recall),
        "precision": _metric(counts.precision),
        "accuracy": _metric(counts.accuracy),
        "true_positive_rate": _metric(counts.recall),
        "true_negative_rate": _metric(1 - counts.false_positive_rate),
        "false_positive_rate": _metric(counts.false_positive_rate),
        "false_negative_rate": _metric(1 - counts.recall),
        "f0_5": _metric(counts.f_beta(0.5)),
        "f1": _metric(counts.f_beta(1.0)),
        "f2": _metric(counts.f_beta(2.0)),
        "auc": _bootstrapped(intervals["roc_auc"]),
        "au_prc": _bootstrapped(intervals["pr_auc"]),
        "accuracy_best_constant_classifier": _metric(constant.accuracy),
        "recall_best_constant_classifier": _metric(constant.recall),
        "precision_best_constant_classifier": _metric(constant.precision),
        "f1_best_constant_classifier": _metric(constant.f_beta(1.0)),
        **_curves(y, probability),
    }


def _curves(y: Labels, probability: Floats) -> dict[str, Any]:
    _, found, wrong = curve(y, probability)
    # Between two bankruptcies both curves are straight or fall, so their corners are enough.
    corner = np.append(np.diff(found) > 0, True) | (np.diff(found, prepend=0.0) > 0)
    found, wrong = found[corner], wrong[corner]
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [0.0, *(wrong / wrong[-1]).tolist()],
            "true_positive_rates": [0.0, *(found / found[-1]).tolist()],
        },
        "precision_recall_curve": {
            "precisions": (found / (found + wrong)).tolist(),
            "recalls": (found / found[-1]).tolist(),
        },
    }


def _bootstrapped(metric: Interval) -> dict[str, float | str]:
    return {"value": metric.value, "standard_deviation": metric.standard_deviation}


def _metric(value: float) -> dict[str, float | str]:
    return {"value": "NaN" if math.isnan(value) else value, "standard_deviation": "NaN"}
