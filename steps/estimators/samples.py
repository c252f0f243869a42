"""How many companies a fit sees: above a bound it sees a sample, each member of an ensemble its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# More would make a fit longer and no better; the UCI file has far fewer. See docs/scale.md.
LARGEST_SAMPLE = 50_000
# A tree of a forest grows with its companies, and the served model with its trees.
LARGEST_SAMPLE_OF_A_TREE = 10_000


def stratified(y: NDArray[np.integer], share: float, random: np.random.Generator) -> NDArray[np.intp]:
    """Draw a share of each class's companies, but of not more than `LARGEST_SAMPLE` in all.

    Returns
    -------
    array of int
        Their positions, class by class, drawn without replacement; at least one of each class.
    """
    share = min(share, LARGEST_SAMPLE / len(y))
    parts = [np.flatnonzero(y == label) for label in np.unique(y)]
    drawn = [random.choice(part, max(1, round(share * len(part))), replace=False) for part in parts]
    return np.concatenate(drawn)


def bounded(y: NDArray[np.integer], seed: int) -> NDArray[np.intp]:
    """Return the positions of all companies, of more than `LARGEST_SAMPLE` those of a stratified sample."""
    if len(y) <= LARGEST_SAMPLE:
        return np.arange(len(y))
    return np.sort(stratified(y, 1.0, np.random.default_rng(seed)))
