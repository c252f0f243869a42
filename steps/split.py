"""Splits firms into training and test firms, and training firms into folds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from steps.dataset.columns import FIRM_ID, RATIOS
from steps.frames import target
from steps.job import DataError

TEST_SHARE = 0.2
FOLDS = 5
MINIMUM = 10
BY_FIRM_ID = "firms whose firm_id (UTF-8) has a SHA-256 in the lowest 20 %"
BY_RATIOS = "companies whose ratios (float64, in the order of their names) have a SHA-256 in the lowest 20 %"


def split_rule(frame: pd.DataFrame) -> str:
    """Return the rule that chooses the test companies, as text; models are only compared if it is equal."""
    return BY_FIRM_ID if FIRM_ID in frame else BY_RATIOS


def firm_hashes(frame: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a hash of each company's firm, shape (rows,).

    Rows with the same `firm_id` are one firm. Without that column, every row is a firm of its own, except
    that rows with identical ratios are one firm.
    """
    heads = (hashlib.sha256(key).digest()[:8] for key in _keys(frame))
    return np.fromiter((int.from_bytes(head, "big") for head in heads), dtype=np.uint64, count=len(frame))


def is_test(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which companies are test companies, shape (rows,).

    This depends only on a company's own firm, not on the seed or on other rows. So a firm stays on its side
    as the data grows, as long as it keeps its `firm_id`. About 20 % of the firms are test firms.
    """
    return _on_test_side(firm_hashes(frame))


def sides(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training companies and the test companies.

    Both have a column `firm` (int64, the number of the firm) in place of `firm_id`.

    Raises
    ------
    DataError
        If a side has too few firms of a class.
    """
    hashes, rule = firm_hashes(frame), split_rule(frame)
    test_side, firm = _on_test_side(hashes), np.unique(hashes, return_inverse=True)[1]
    numbered = frame.drop(columns=FIRM_ID, errors="ignore").assign(firm=firm)
    train = numbered[~test_side].reset_index(drop=True)
    test = numbered[test_side].reset_index(drop=True)
    for side, part in (("training", train), ("test", test)):
        _require_both_classes(side, part, rule, len(frame))
    return train, test


def split(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `sides`; training companies also have a column `fold` (int8, 0 to 4).

    Folds are drawn firm by firm with the seed, and stratified by whether a firm has a bankrupt company.
    """
    train, test = sides(frame)
    # Imported here so that an invalid file is rejected before scikit-learn loads.
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    of_row, firms = pd.factorize(train["firm"])
    has_bankruptcy = np.bincount(of_row, target(train)) > 0
    fold_of_firm = np.empty(len(firms), dtype=np.int8)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(firms, has_bankruptcy)):
        fold_of_firm[held_out] = number
    return train.assign(fold=fold_of_firm[of_row]), test


def _on_test_side(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    return hashes < np.uint64(TEST_SHARE * 2**64)


def _keys(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield the bytes that identify each company's firm."""
    if FIRM_ID in frame:
        yield from (str(firm_id).encode() for firm_id in frame[FIRM_ID])
        return
    # -0.0 and 0.0 are the same number but not the same bytes; adding 0.0 turns both into 0.0.
    table = np.ascontiguousarray(frame[sorted(RATIOS)].to_numpy(dtype="<f8") + 0.0)
    yield from (row.tobytes() for row in table)


def _require_both_classes(side: str, part: pd.DataFrame, rule: str, companies: int) -> None:
    noun = "firms with companies" if rule == BY_FIRM_ID else "companies"
    for label, what in ((1, "bankrupt"), (0, "not bankrupt")):
        count = part["firm"][target(part) == label].nunique()
        if count < MINIMUM:
            raise DataError(
                f"The data has too few {noun} that are {what}: {count} on the {side} side; at least "
                f"{MINIMUM} are needed to train and evaluate a model. Rows of one firm, or with identical "
                f"ratios, count once.\nThe file has {companies:,} companies. The test side: {rule}.",
                "Use a file with more companies of this class.",
            )
