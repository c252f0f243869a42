"""Draws the curves of two versions in the same charts, from their evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steps.measures.groups import CalibrationGroup
from steps.report import charts
from steps.report.figures import CHAMPION, SELECTED
from steps.report.markup import Markup, element, join, note, pair, panel

_METRICS = "binary_classification_metrics"


def curves(old: Mapping[str, Any], new: Mapping[str, Any], names: tuple[str, str]) -> Markup | None:
    """Return the curves of two versions with their legend.

    Parameters
    ----------
    old, new
        The contents of their evaluation.json.
    names
        Their names in the legend.

    Returns
    -------
    Markup or None
        None if an evaluation was written by an earlier release, without the points of the curves.
    """
    # The first version is drawn on top.
    models = {SELECTED: new, CHAMPION: old}
    if not all(_METRICS in each and "calibration" in each for each in models.values()):
        return None
    rates = {each["test"]["bankruptcies"] / each["test"]["companies"] for each in models.values()}
    legend = [
        element("li", charts.line_sample(style), name)
        for style, name in zip((CHAMPION, SELECTED), names, strict=True)
    ]
    return join(
        [
            element("ul", legend, class_="legend"),
            pair(
                panel("ROC curve", charts.roc({style: _roc(each) for style, each in models.items()})),
                panel(
                    "Precision-recall curve",
                    charts.precision_recall(
                        {style: _precision_recall(each) for style, each in models.items()}, sorted(rates)
                    ),
                ),
                panel(
                    "Calibration",
                    charts.calibration({style: _groups(each) for style, each in models.items()}),
                    note(
                        "Each point is a group of companies, with a 95 % interval. On the diagonal, "
                        "predicted and observed rates are equal. Both axes are stretched near 0."
                    ),
                ),
            ),
        ]
    )


def _roc(evaluation: Mapping[str, Any]) -> charts.Points:
    found = evaluation[_METRICS]["receiver_operating_characteristic_curve"]
    return np.array(found["false_positive_rates"]), np.array(found["true_positive_rates"])


def _precision_recall(evaluation: Mapping[str, Any]) -> charts.Points:
    found = evaluation[_METRICS]["precision_recall_curve"]
    return charts.rising(np.array(found["recalls"]), np.array(found["precisions"]))


def _groups(evaluation: Mapping[str, Any]) -> list[CalibrationGroup]:
    return [CalibrationGroup(**group) for group in evaluation["calibration"]]
