"""Groups companies by their predicted probability, to compare predicted with observed rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steps.measures.metrics import Floats, Labels

_BOUNDS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class CalibrationGroup:
    """The companies with a probability between two bounds.

    Attributes
    ----------
    companies, bankruptcies
        How many there are, and how many of them went bankrupt.
    predicted
        Their mean probability of bankruptcy.
    """

    companies: int
    bankruptcies: int
    predicted: float


def calibration_groups(y: Labels, probability: Floats) -> list[CalibrationGroup]:
    """Return the groups that have companies, the lowest probabilities first.

    Parameters
    ----------
    y : array of shape (n,)
        1 for bankrupt companies, 0 for others.
    probability : array of shape (n,)
        Their probabilities of bankruptcy.
    """
    # A probability of exactly 1 belongs to the last group.
    group = np.minimum(np.digitize(probability, _BOUNDS), len(_BOUNDS) - 1)
    members = [group == number for number in np.unique(group)]
    return [
        CalibrationGroup(int(np.sum(each)), int(np.sum(y[each])), float(np.mean(probability[each])))
        for each in members
    ]
