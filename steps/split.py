"""Splits companies into training and test companies, and training companies into folds."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from steps.dataset.columns import RATIOS
from steps.frames import target
from steps.job import DataError

TEST_SHARE = 0.2
FOLDS = 5
MINIMUM = 10
RULE = "companies whose ratios (float64, in the order of their names) have a SHA-256 in the lowest 20 %"


def is_test(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which companies are test companies, shape (rows,).

    This depends only on a company's own ratios, not on the seed or on other rows. So a company stays on its
    side as the data grows, and identical rows are on the same side. About 20 % are test companies.
    """
    names = sorted(RATIOS)
    # -0.0 and 0.0 are the same number but not the same bytes; adding 0.0 turns both into 0.0.
    table = np.ascontiguousarray(frame[names].to_numpy(dtype="<f8") + 0.0)
    limit = int(TEST_SHARE * 2**64)
    heads = (hashlib.sha256(row.tobytes()).digest()[:8] for row in table)
    return np.array([int.from_bytes(head, "big") < limit for head in heads], dtype=bool)


def split(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training companies, with a `fold` column (int8, 0 to 4), and the test companies.

    Folds are stratified by the target and drawn with the seed.
    """
    # Imported here so that an invalid file is rejected before scikit-learn loads.
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    test_side = is_test(frame)
    train = frame[~test_side].reset_index(drop=True)
    test = frame[test_side].reset_index(drop=True)
    for side, part in (("training", train), ("test", test)):
        _require_both_classes(side, target(part), len(frame))
    fold = np.empty(len(train), dtype=np.int8)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(train, target(train))):
        fold[held_out] = number
    return train.assign(fold=fold), test


def _require_both_classes(side: str, y: NDArray[np.int8], companies: int) -> None:
    bankrupt = int(y.sum())
    for count, what in ((bankrupt, "bankrupt"), (len(y) - bankrupt, "not bankrupt")):
        if count < MINIMUM:
            raise DataError(
                f"The data has too few companies that are {what}: {count} on the {side} side; at least "
                f"{MINIMUM} are needed to train and judge a model.\n"
                f"The file holds {companies:,} companies. The test side: {RULE}.",
                "Use a file with more companies of this class.",
            )
