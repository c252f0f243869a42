"""Tree ensembles: small boosted trees are evaluated by bitmasks, and forests level by level."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Indices, Parameters

# Sizes of blocks whose intermediate arrays fit into the processor's caches: rows for a thousand boosted
# trees, and pairs of a row and a tree for forests.
ROWS: Final = 64
PAIRS: Final = 2**16
# After this many steps, rows that have reached a leaf are removed from the walk.
STEPS: Final = 4
# Every STEPS levels need a nested call. Trees fitted on ten thousand companies have about thirty levels.
MOST_LEVELS: Final = 500
LEAVES: Final = 8
# The type is Any because numpy's type of this differs between its releases.
_in_all: Any = np.bitwise_and.reduce


class BoostedTrees:
    """The sum of one leaf of each tree, plus an intercept; a tree has at most eight leaves.

    Parameters
    ----------
    columns
        (nodes, trees): the column that each inner node compares.
    thresholds
        (nodes, trees): a value goes left if it is not above the threshold.
    masks
        (nodes, trees), uint8: the leaves that remain for values that go right; bit 0 is the leftmost leaf.
        Trees with fewer nodes are padded with 255.
    leaves
        (trees, 8): the leaves' values from left to right.
    intercept
        Added to the sum.

    Notes
    -----
    After C. Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of
    regression trees", SIGIR 2015. All nodes of all trees are evaluated without branches, and each excludes
    the leaves that it rules out. The leftmost remaining leaf is the one that a walk down the tree would
    reach.
    """

    width = 1

    def __init__(
        self,
        columns: Indices,
        thresholds: Floats,
        masks: npt.NDArray[np.uint8],
        leaves: Floats,
        intercept: float,
    ) -> None:
        self._nodes, self._trees = columns.shape
        self._columns = columns.ravel()
        self._thresholds = thresholds.reshape(-1, 1)
        self._masks = masks.reshape(-1, 1)
        self._leaves = leaves.ravel()
        self._first_leaf = (np.arange(self._trees) * LEAVES)[:, None]
        self._intercept = intercept
        # The leftmost leaf of each set of remaining leaves.
        sets = np.arange(256)
        self._leftmost = np.argmax((sets[:, None] >> np.arange(LEAVES)) & 1, axis=1).astype(np.intp)

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> BoostedTrees:
        """Read the stage from a model's parameters."""
        columns = parameters.integers("columns", (None, None), width)
        masks = parameters.integers("masks", columns.shape, 256).astype(np.uint8)
        if (_in_all(masks, axis=0) == 0).any():
            raise ArtifactError(
                f"The stage {parameters.kind!r} has a tree whose masks exclude all of its leaves."
            )
        return cls(
            columns,
            parameters.array("thresholds", columns.shape),
            masks,
            parameters.array("leaves", (columns.shape[1], LEAVES)),
            parameters.number("intercept"),
        )

    def __call__(self, X: Floats) -> Floats:
        """Return the logits, (n, 1)."""
        logits = np.empty((len(X), 1))
        for start in range(0, len(X), ROWS):
            # Rows are the last axis, so that each node's column is contiguous in memory.
            values = np.ascontiguousarray(X[start : start + ROWS].T)
            goes_left = values.take(self._columns, axis=0) <= self._thresholds
            kept = np.negative(goes_left.view(np.uint8)) | self._masks
            remaining = _in_all(kept.reshape(self._nodes, self._trees, -1), axis=0)
            reached = self._leftmost.take(remaining)
            reached += self._first_leaf
            logits[start : start + ROWS, 0] = self._leaves.take(reached).sum(axis=0)
        return logits + self._intercept


class Forest:
    """The logit of the mean probability of the trees' leaves.

    Parameters
    ----------
    trees
        The number of trees; the first nodes are their roots.
    columns
        (nodes,): the column that each node compares.
    thresholds
        (nodes,), float32: a value, rounded to float32, goes left if it is not above the threshold.
    left
        (nodes,): the left child; the right child follows it. A leaf is its own left child.
    probabilities
        (nodes,): a leaf's probability.
    smallest
        The smallest mean probability; the largest is 1 minus this.
    """

    width = 1

    def __init__(
        self,
        trees: int,
        columns: Indices,
        thresholds: npt.NDArray[np.float32],
        left: Indices,
        probabilities: Floats,
        smallest: float,
    ) -> None:
        self._roots = np.arange(trees)
        self._columns = columns
        is_leaf = left == np.arange(len(left))
        # No value is above infinity, so the walk stays at a leaf.
        self._thresholds = np.where(is_leaf, np.float32(np.inf), thresholds)
        self._left = left
        self._is_inner = ~is_leaf
        self._probabilities = probabilities
        self._smallest = smallest
        self.levels = _levels(self._roots, left, is_leaf)

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Forest:
        """Read the stage from a model's parameters."""
        columns = parameters.integers("columns", (None,), width)
        count = len(columns)
        left = parameters.integers("left", (count,), count)
        nodes = np.arange(count)
        is_leaf = left == nodes
        trees = int(parameters.number("trees"))
        smallest = parameters.number("smallest")
        # Children come after their parents, so every walk ends.
        if not 1 <= trees <= count or (left < nodes).any() or (left[~is_leaf] + 1 >= count).any():
            raise ArtifactError(f"The stage {parameters.kind!r} has nodes that do not form trees.")
        if not 0 < smallest < 0.5:
            raise ArtifactError(f"'smallest' of the stage {parameters.kind!r} must be between 0 and 0.5.")
        thresholds = parameters.array("thresholds", (count,)).astype(np.float32)
        probabilities = np.zeros(count)
        probabilities[is_leaf] = parameters.array("leaves", (int(is_leaf.sum()),))
        forest = cls(trees, columns, thresholds, left, probabilities, smallest)
        if forest.levels > MOST_LEVELS:
            raise ArtifactError(
                f"The stage {parameters.kind!r} has trees with {forest.levels} levels; at most {MOST_LEVELS} "
                "are supported."
            )
        return forest

    def __call__(self, X: Floats) -> Floats:
        """Return the logits, (n, 1)."""
        means = np.empty((len(X), 1))
        size = max(1, PAIRS // len(self._roots))
        for start in range(0, len(X), size):
            rows = X[start : start + size].astype(np.float32)
            # Trees are the first axis, so that neighboring walks are in the same tree.
            nodes = np.repeat(self._roots, len(rows))
            offsets = np.tile(np.arange(len(rows)) * rows.shape[1], len(self._roots))
            nodes = self._walk(rows.ravel(), nodes, offsets, self.levels)
            reached = self._probabilities.take(nodes).reshape(-1, len(rows))
            means[start : start + size, 0] = reached.mean(axis=0)
        p = np.clip(means, self._smallest, 1 - self._smallest)
        logits: Floats = np.log(p / (1 - p))
        return logits

    def _walk(
        self, values: npt.NDArray[np.float32], nodes: Indices, offsets: Indices, levels: int
    ) -> Indices:
        """Return the nodes reached from `nodes` after a number of levels, for the rows at `offsets`."""
        for _ in range(min(levels, STEPS)):
            right = values.take(self._columns.take(nodes) + offsets) > self._thresholds.take(nodes)
            nodes = self._left.take(nodes) + right
        going = np.flatnonzero(self._is_inner.take(nodes)) if levels > STEPS else ()
        if len(going):
            nodes[going] = self._walk(values, nodes.take(going), offsets.take(going), levels - STEPS)
        return nodes


def _levels(roots: Indices, left: Indices, is_leaf: npt.NDArray[np.bool_]) -> int:
    """Return the number of steps of the longest walk from a root to a leaf."""
    levels = 0
    inner = roots[~is_leaf[roots]]
    while len(inner):
        levels += 1
        children = np.unique(np.concatenate([left[inner], left[inner] + 1]))
        inner = children[~is_leaf[children]]
    return levels
