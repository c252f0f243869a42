"""Finds columns that are sensitive to rounding; fast to import, because uploads run it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steps.dataset.units import in_one_unit, mixed_columns
from steps.estimators.samples import bounded
from steps.measures.robustness import jitter, rank_shift

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

# Rounding to this many significant digits must not move a company past more than this share of the others.
# No column of UCI 572 is close to the limit: the selectable ones move companies past at most 4 % of the
# others, and the rejected ones past at least 8 %.
DIGITS = 3
MOST_PASSED = 0.05


def sensitive_to_rounding(X: Floats, y: Labels, names: Sequence[str], seed: int) -> dict[str, str]:
    """Return the columns that are sensitive to rounding, with the reason for rejecting each.

    In such a column, most companies have nearly the same value, and differ in digits that people round away.
    A model that uses the column gives another answer for a rounded value.

    Parameters
    ----------
    X : array of shape (n, k)
        Training companies in the units of the data file, without constant columns.
    y : array of shape (n,)
        1 for companies that went bankrupt, otherwise 0.
    names
        The columns of X.
    seed
        Seed of the sample and the jitter.
    """
    mixed = mixed_columns(names)
    X = X[bounded(y, seed)]
    moved = jitter(X, DIGITS, np.random.default_rng(seed))
    shifts = map(rank_shift, in_one_unit(X, mixed).T, in_one_unit(moved, mixed).T)
    return {
        name: f"sensitive to rounding: three digits move a company past {shift:.0%} of the others"
        for name, shift in zip(names, shifts, strict=True)
        if shift > MOST_PASSED
    }
