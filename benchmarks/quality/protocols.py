"""Three ways to judge recipes: on random rows, on other firms, and on other blocks of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from steps.measures.metrics import (
    Floats,
    Labels,
    average_precision,
    brier_score,
    expected_calibration_error,
    log_losses,
    recall_at,
    roc_auc,
)

Parts = NDArray[np.intp]
Firms = NDArray[np.intp]

# Numbers of blocks, and by which share of a block their borders are shifted.
BLOCKS_APART = "blocks apart"
BLOCKS = ((10, 0.0), (10, 0.5), (17, 0.0), (17, 0.5))


@dataclass(frozen=True)
class Protocol:
    """A way to judge: each part of the companies is judged by a fit on all others.

    Attributes
    ----------
    name
        `random rows`, `firms apart` or `blocks apart`, and which blocks.
    part : array of shape (n,)
        The part that each company is in, from 0.
    block : array of shape (n,)
        The block of the file that each company is in; for the figures within blocks.
    """

    name: str
    part: Parts
    block: Parts

    def folds(self) -> Iterator[tuple[Parts, Parts]]:
        """Yield the indexes of the companies to fit on and of those to judge, part by part."""
        for number in range(int(self.part.max()) + 1):
            held_out = self.part == number
            yield np.flatnonzero(~held_out), np.flatnonzero(held_out)


def protocols(y: Labels, firm: Firms, folds: int, seed: int) -> list[Protocol]:
    """Return the three ways to judge, the third with each entry of `BLOCKS`.

    Parameters
    ----------
    y : array of shape (n,)
        1 for companies that went bankrupt, in the order of the file.
    firm : array of shape (n,)
        The number of each company's firm.
    folds
        The number of parts for random rows and for firms apart.
    seed
        Draws these parts; blocks have no randomness.
    """
    first = blocks_apart(firm, *BLOCKS[0])
    found = [
        Protocol("random rows", random_rows(y, folds, seed), first),
        Protocol("firms apart", firms_apart(y, firm, folds, seed), first),
    ]
    for count, shift in BLOCKS:
        block = blocks_apart(firm, count, shift)
        name = f"{BLOCKS_APART}: {count}{', borders shifted' if shift else ''}"
        found.append(Protocol(name, block, block))
    return found


def random_rows(y: Labels, folds: int, seed: int) -> Parts:
    """Return parts drawn row by row and stratified by the target, shape (n,)."""
    return _numbered(StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y), len(y))


def firms_apart(y: Labels, firm: Firms, folds: int, seed: int) -> Parts:
    """Return parts drawn firm by firm and stratified by the target as far as possible, shape (n,)."""
    drawn = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(y, y, firm)
    return _numbered(drawn, len(y))


def blocks_apart(firm: Firms, count: int, shift: float = 0.0) -> Parts:
    """Return contiguous blocks of the file of equal size, shape (n,).

    A firm with rows on both sides of a border is moved, whole, to the block that holds most of its rows.

    Parameters
    ----------
    firm : array of shape (n,)
        The number of each company's firm, in the order of the file.
    count
        The number of blocks. With a shift there is one more: the first and the last are smaller.
    shift
        By which share of a block to move the borders.
    """
    block = np.floor(np.arange(len(firm)) * count / len(firm) + shift).astype(np.intp)
    rows = np.zeros((int(firm.max()) + 1, int(block.max()) + 1), dtype=np.intp)
    np.add.at(rows, (firm, block), 1)
    moved: Parts = rows.argmax(axis=1)[firm]
    return moved


def figures(y: Labels, probability: Floats, block: Parts) -> dict[str, float]:
    """Return the figures of judged companies, by name: pooled, except for the ROC-AUC within blocks."""
    return {
        "ROC-AUC": roc_auc(y, probability),
        "ROC-AUC within blocks": roc_auc_within(y, probability, block),
        "PR-AUC": average_precision(y, probability),
        "log loss": float(np.mean(log_losses(y, probability))),
        "Brier": brier_score(y, probability),
        "ECE": expected_calibration_error(y, probability),
        "recall at 5 % FPR": recall_at(y, probability, 0.05),
        "recall at 1 % FPR": recall_at(y, probability, 0.01),
    }


def roc_auc_within(y: Labels, probability: Floats, block: Parts) -> float:
    """Return the ROC-AUC within blocks: how often a bankrupt company scores above another of its block.

    Each block counts by its number of such pairs, so that one with a single bankruptcy counts little.
    """
    areas, pairs = [], []
    for number in np.unique(block):
        inside = block == number
        bankrupt = int(y[inside].sum())
        if 0 < bankrupt < inside.sum():
            areas.append(roc_auc(y[inside], probability[inside]))
            pairs.append(bankrupt * (int(inside.sum()) - bankrupt))
    return float(np.average(areas, weights=pairs))


def _numbered(folds: Iterator[tuple[Parts, Parts]], rows: int) -> Parts:
    part = np.empty(rows, dtype=np.intp)
    for number, (_, held_out) in enumerate(folds):
        part[held_out] = number
    return part
