"""A small blend; in a module, because the processes of a test import it."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.pipeline import Pipeline

from steps.estimators import recipes


def small_blend(names: Sequence[str], seed: int) -> Pipeline:
    """Return the blend with few trees and short training."""
    return recipes.blend(names, seed, bags=2, boosted_trees=10, forest_trees=10)
