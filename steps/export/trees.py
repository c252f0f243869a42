"""Converts scikit-learn's trees to the arrays that `inference.forward.trees` evaluates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from inference.forward.trees import LEAVES

Arrays = dict[str, NDArray[Any]]

ALL_LEAVES = 2**LEAVES - 1


def boosted_trees(members: list[HistGradientBoostingClassifier]) -> tuple[Arrays, float]:
    """Return the arrays and the intercept of a `BoostedTrees` stage that averages the members' logits.

    Raises
    ------
    TypeError
        If a tree has more than eight leaves, or splits by category.
    """
    trees = [trees[0].nodes for member in members for trees in member._predictors]
    shape = (LEAVES - 1, len(trees))
    columns, thresholds = np.zeros(shape, dtype=np.uint16), np.zeros(shape)
    masks = np.full(shape, ALL_LEAVES, dtype=np.uint8)
    leaves = np.zeros((len(trees), LEAVES))
    for number, nodes in enumerate(trees):
        if nodes["is_leaf"].sum() > LEAVES or nodes["is_categorical"].any():
            raise TypeError(
                f"A boosted tree with {nodes['is_leaf'].sum()} leaves, or a split by category, cannot be "
                f"served; it must have at most {LEAVES} leaves and split by threshold."
            )
        order, spans = _leaves_from_left(nodes)
        leaves[number, : len(order)] = nodes["value"][order] / len(members)
        for position, (node, (first, last)) in enumerate(spans.items()):
            columns[position, number] = nodes["feature_idx"][node]
            # Values are finite, so the largest float64 takes the place of infinity.
            thresholds[position, number] = min(nodes["num_threshold"][node], np.finfo(np.float64).max)
            excluded = sum(1 << leaf for leaf in range(first, last))
            masks[position, number] = ALL_LEAVES & ~excluded
    arrays: Arrays = {"columns": columns, "thresholds": thresholds, "masks": masks, "leaves": leaves}
    return arrays, float(np.mean([member._baseline_prediction.item() for member in members]))


def _leaves_from_left(nodes: NDArray[Any]) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """Return the leaves from left to right, and for each inner node the range of leaves on its left."""
    order: list[int] = []
    spans: dict[int, tuple[int, int]] = {}

    def visit(node: int) -> None:
        if nodes["is_leaf"][node]:
            order.append(node)
            return
        first = len(order)
        visit(int(nodes["left"][node]))
        spans[node] = (first, len(order))
        visit(int(nodes["right"][node]))

    visit(0)
    return order, spans


def forest(classifier: ExtraTreesClassifier) -> Arrays:
    """Return the arrays of a `Forest` stage: the nodes of all trees, level by level, siblings together."""
    trees = [estimator.tree_ for estimator in classifier.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    def children(name: str) -> NDArray[np.intp]:
        # -1 means "no child" in scikit-learn, so it must not be offset.
        parts = [getattr(tree, name) for tree in trees]
        return np.concatenate(
            [np.where(part < 0, -1, part + root) for part, root in zip(parts, roots, strict=True)]
        )

    left_child, right_child = children("children_left"), children("children_right")
    order, left = [], []
    level, count = roots, 0
    while len(level):
        inner = left_child[level] >= 0
        positions = count + np.arange(len(level))
        count += len(level)
        # An inner node's children are in the next level. A leaf is its own left child.
        following = count + 2 * (np.cumsum(inner) - 1)
        order.append(level)
        left.append(np.where(inner, following, positions))
        parents = level[inner]
        level = np.column_stack([left_child[parents], right_child[parents]]).ravel()
    nodes = np.concatenate(order)
    is_leaf = left_child[nodes] < 0
    return {
        "columns": np.where(is_leaf, 0, joined("feature")[nodes]).astype(np.uint16),
        "thresholds": np.where(is_leaf, np.float32(0), _float32_not_above(joined("threshold")[nodes])),
        "left": np.concatenate(left).astype(np.uint32),
        "leaves": joined("value")[nodes][is_leaf][:, 0, 1],
    }


def _float32_not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 that is not above the threshold; it splits float32 values the same way."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
