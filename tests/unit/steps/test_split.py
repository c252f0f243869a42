"""The split: by content alone, stable as data grows, never with too few of a class."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from steps.dataset.columns import RATIOS, TARGET
from steps.frames import DataError
from steps.split import is_test, split

Companies = Callable[..., pd.DataFrame]


def test_side_is_the_hash_of_the_ratios_in_sorted_name_order(companies: Companies) -> None:
    frame = companies(rows=200, bankrupt=40)
    expected = []
    for _, row in frame.iterrows():
        packed = struct.pack("<95d", *(row[name] for name in sorted(RATIOS)))
        # The lowest fifth of all 256-bit hashes.
        expected.append(int(hashlib.sha256(packed).hexdigest(), 16) / 2**256 < 0.2)
    assert is_test(frame).tolist() == expected
    assert 20 < sum(expected) < 60


def test_side_ignores_label_order_of_columns_rows_and_sign_of_zero(companies: Companies) -> None:
    frame = companies(rows=200, bankrupt=40)
    frame["Cash flow rate"] = 0.0
    sides = is_test(frame)
    other = frame[sorted(frame.columns, reverse=True)].copy()
    other["Cash flow rate"] = -0.0
    other[TARGET] = 1 - other[TARGET]
    assert np.array_equal(is_test(other), sides)
    assert np.array_equal(is_test(frame[::-1])[::-1], sides)


def test_companies_stay_on_their_side_as_data_grows(companies: Companies) -> None:
    old, new = companies(seed=1), companies(seed=2)
    grown = pd.concat([old, new], ignore_index=True)
    assert np.array_equal(is_test(grown)[: len(old)], is_test(old))


def test_folds_are_stratified_and_depend_on_the_seed_alone(companies: Companies) -> None:
    frame = companies()
    train, test = split(frame, seed=7)
    assert len(train) + len(test) == 600
    assert train["fold"].dtype == np.int8
    counts = train.groupby("fold")[TARGET].agg(["size", "sum"])
    assert len(counts) == 5
    assert (counts.max() - counts.min() <= 1).all()
    pd.testing.assert_frame_equal(split(frame, seed=7)[0], train)
    assert not np.array_equal(split(frame, seed=8)[0]["fold"], train["fold"])


@pytest.mark.parametrize(
    ("bankrupt", "message"),
    [
        (0, "too few companies that are bankrupt: 0 on the training side"),
        (20, "too few companies that are bankrupt: [0-9] on the test side"),
        (600, "too few companies that are not bankrupt: 0 on the training side"),
    ],
)
def test_too_few_of_a_class(companies: Companies, bankrupt: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(companies(bankrupt=bankrupt), seed=42)
