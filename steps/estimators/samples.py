"""Samples companies for fits on large data sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# More companies make a fit slower but no better. The UCI file has far fewer. See docs/scale.md.
LARGEST_SAMPLE = 50_000
# The size of a tree, and so of the served model, grows with the number of companies.
LARGEST_SAMPLE_OF_A_TREE = 10_000


def stratified(y: NDArray[np.integer], share: float, random: np.random.Generator) -> NDArray[np.intp]:
    """Draw a share of each class's companies, at most `LARGEST_SAMPLE` in all.

    Returns
    -------
    array of int
        Their indexes, class by class, drawn without replacement; at least one of each class.
    """
    share = min(share, LARGEST_SAMPLE / len(y))
    parts = [np.flatnonzero(y == label) for label in np.unique(y)]
    drawn = [random.choice(part, max(1, round(share * len(part))), replace=False) for part in parts]
    return np.concatenate(drawn)


def bounded(y: NDArray[np.integer], seed: int) -> NDArray[np.intp]:
    """Return the indexes of all companies, or of a stratified sample if there are over `LARGEST_SAMPLE`."""
    if len(y) <= LARGEST_SAMPLE:
        return np.arange(len(y))
    return np.sort(stratified(y, 1.0, np.random.default_rng(seed)))
