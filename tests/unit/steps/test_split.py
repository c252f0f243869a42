"""The split depends only on a company's ratios, is stable, and needs enough companies of each class."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.job import DataError
from steps.split import BY_FIRM_ID, BY_RATIOS, is_test, split, split_rule

Companies = Callable[..., pd.DataFrame]


def test_side_is_decided_by_the_hash_of_the_ratios_in_name_order(companies: Companies) -> None:
    frame = companies(rows=200, bankrupt=40)
    expected = []
    for _, row in frame.iterrows():
        packed = struct.pack("<95d", *(row[name] for name in sorted(RATIOS)))
        # The lowest fifth of all 256-bit hashes.
        expected.append(int(hashlib.sha256(packed).hexdigest(), 16) / 2**256 < 0.2)
    assert is_test(frame).tolist() == expected
    assert 20 < sum(expected) < 60


def test_side_ignores_labels_and_the_order_of_columns_and_rows_and_the_sign_of_zero(
    companies: Companies,
) -> None:
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


def test_folds_are_stratified_and_depend_only_on_the_seed(companies: Companies) -> None:
    frame = companies()
    train, test = split(frame, seed=7)
    assert len(train) + len(test) == 600
    assert list(train.columns) == [*frame.columns, "firm", "fold"]
    assert list(test.columns) == [*frame.columns, "firm"]
    assert list(train.index) == list(range(len(train)))
    assert list(test.index) == list(range(len(test)))
    assert train["fold"].dtype == np.int8
    counts = train.groupby("fold")[TARGET].agg(["size", "sum"])
    assert len(counts) == 5
    assert (counts.max() - counts.min() <= 1).all()
    pd.testing.assert_frame_equal(split(frame, seed=7)[0], train)
    assert not np.array_equal(split(frame, seed=8)[0]["fold"], train["fold"])


def with_firms(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return the companies with a column firm_id; each firm has `rows` rows, far from each other."""
    return frame.assign(**{FIRM_ID: [f"No. {row % (len(frame) // rows)}" for row in range(len(frame))]})


def test_side_of_a_given_firm_is_decided_by_its_id_alone(companies: Companies) -> None:
    frame = with_firms(companies(), 4)
    sides = is_test(frame)
    for row, firm_id in enumerate(frame[FIRM_ID]):
        assert sides[row] == (int(hashlib.sha256(firm_id.encode()).hexdigest(), 16) / 2**256 < 0.2)
    # Other figures of the same firms, in another order, are on the same side.
    later = companies(seed=9).assign(**{FIRM_ID: frame[FIRM_ID].to_numpy()})[::-1]
    assert is_test(later)[::-1].tolist() == sides.tolist()
    assert (split_rule(frame), split_rule(companies())) == (BY_FIRM_ID, BY_RATIOS)


@pytest.mark.parametrize("given", [True, False])
def test_no_firm_is_in_two_folds_or_on_both_sides(companies: Companies, given: bool) -> None:
    # GIVEN companies with four rows each: of one firm_id, or identical
    frame = companies(rows=1200, bankrupt=240)
    repeated = pd.concat([frame[: 1200 // 4]] * 4, ignore_index=True)
    frame = with_firms(frame, 4) if given else repeated
    key = frame[FIRM_ID] if given else frame[RATIOS[0]]
    numbered = frame.assign(key=key)
    # WHEN they are split
    train, test = split(numbered, seed=3)
    # THEN each firm is whole, and folds are balanced
    assert set(train["key"]).isdisjoint(test["key"])
    assert (train.groupby("key")["fold"].nunique() == 1).all()
    for side in (train, test):
        assert (side.groupby("key")["firm"].nunique() == 1).all()
        assert (side.groupby("firm")["key"].nunique() == 1).all()
    assert set(train["firm"]).isdisjoint(test["firm"])
    assert FIRM_ID not in train
    sizes = train["fold"].value_counts()
    assert sizes.max() - sizes.min() <= 4
    with_bankruptcy = train[train[TARGET] == 1].groupby("fold")["key"].nunique()
    assert with_bankruptcy.max() - with_bankruptcy.min() <= 1


def test_firms_are_counted_rather_than_rows_when_there_are_too_few(companies: Companies) -> None:
    # GIVEN 60 bankrupt companies of nine firms
    frame = companies(rows=600, bankrupt=60)
    y = frame[TARGET].to_numpy()
    firm_id = np.where(y == 1, np.arange(600) % 9, np.arange(600))
    with pytest.raises(
        DataError, match=r"too few firms with companies that are bankrupt: [0-9] on the"
    ) as error:
        split(frame.assign(**{FIRM_ID: firm_id.astype(str)}), seed=42)
    assert "Rows of one firm, or with identical ratios, count once." in str(error.value)


def labeled(
    frame: pd.DataFrame, *, bankrupt_test: int | None = None, bankrupt_train: int | None = None
) -> pd.DataFrame:
    """Return the companies with a number of bankruptcies on each side; None means half of the side."""
    y = np.zeros(len(frame), dtype=np.int8)
    for side, count in ((is_test(frame), bankrupt_test), (~is_test(frame), bankrupt_train)):
        members = np.flatnonzero(side)
        y[members[: len(members) // 2 if count is None else count]] = 1
    return frame.assign(**{TARGET: y})


@pytest.mark.parametrize("side", ["test", "train"])
@pytest.mark.parametrize("label", [0, 1])
def test_each_side_needs_ten_companies_of_each_class(companies: Companies, side: str, label: int) -> None:
    frame = companies()
    size = int(np.sum(is_test(frame) == (side == "test")))

    def with_count(count: int) -> pd.DataFrame:
        return labeled(frame, **{f"bankrupt_{side}": count if label else size - count})

    train, test = split(with_count(10), seed=42)
    assert int(np.sum({"train": train, "test": test}[side][TARGET] == label)) == 10
    what, name = ("bankrupt" if label else "not bankrupt"), ("training" if side == "train" else "test")
    message = f"too few companies that are {what}: 9 on the {name} side; at least 10 are needed"
    with pytest.raises(DataError, match=message) as error:
        split(with_count(9), seed=42)
    assert "The file has 600 companies." in str(error.value)
    assert (error.value.code, error.value.hint) == (
        "invalid_data",
        "Use a file with more companies of this class.",
    )


@pytest.mark.parametrize(
    ("bankrupt", "message"),
    [
        (0, "too few companies that are bankrupt: 0 on the training side"),
        (20, "too few companies that are bankrupt: [0-9] on the test side"),
        (600, "too few companies that are not bankrupt: 0 on the training side"),
    ],
)
def test_too_few_companies_of_a_class_are_rejected(companies: Companies, bankrupt: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(companies(bankrupt=bankrupt), seed=42)
