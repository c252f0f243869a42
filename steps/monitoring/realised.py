"""The realised quality of a model: its predictions against their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steps.measures.intervals import metric_intervals
from steps.monitoring.outcomes import Judged
from steps.monitoring.profile import Profile

# With fewer, the interval of the ROC-AUC is too wide to say anything.
FEWEST_BANKRUPTCIES = 20
# How much lower than out of fold the whole interval of the ROC-AUC must be for an alarm.
MARGIN = 0.05


def realised_quality(profile: Profile, judged: Sequence[Judged], seed: int) -> dict[str, Any]:
    """Return the quality of one version's predictions whose outcome is known.

    Parameters
    ----------
    profile
        The version.
    judged
        Its predictions, one per company.
    seed
        Seed of the intervals.

    Returns
    -------
    dict
        `companies`, `bankruptcies`, `expected_bankruptcies` (the sum of the probabilities), `levels` (each
        with its companies and bankruptcies), `metrics` (with intervals; None below `FEWEST_BANKRUPTCIES`) and
        `reason`: why the quality is too low; empty if it is not.
    """
    y = np.array([each.is_bankrupt for each in judged], dtype=int)
    probability = np.array([each.match.probability for each in judged], dtype=float)
    bankruptcies = int(y.sum())
    found: dict[str, Any] = {
        "companies": len(judged),
        "bankruptcies": bankruptcies,
        "expected_bankruptcies": round(float(probability.sum()), 2),
        "levels": {
            level: {
                "companies": sum(each.match.risk_level == level for each in judged),
                "bankruptcies": sum(each.match.risk_level == level and each.is_bankrupt for each in judged),
            }
            for level in profile.levels
        },
        "metrics": None,
        "reason": "",
    }
    if FEWEST_BANKRUPTCIES <= bankruptcies < len(judged):
        firm = np.arange(len(judged))
        intervals = metric_intervals(y, probability, firm, seed)
        found["metrics"] = {name: interval.as_dict() for name, interval in intervals.items()}
        best = intervals["roc_auc"].high
        if best < profile.roc_auc - MARGIN:
            found["reason"] = (
                f"its ROC-AUC is at most {best:.3f}, and was {profile.roc_auc:.3f} on training companies "
                "out of fold"
            )
    return found
