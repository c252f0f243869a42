"""The selection of the recommended candidate's columns: near-duplicates and pairs."""

from __future__ import annotations

import numpy as np
import pytest

from steps.estimators import samples
from steps.selection import RESAMPLES, elimination_order

# The columns of a derived ratio, and columns without derived ratios.
PAIR = ("Current Ratio", "Quick Ratio")
OTHERS = ("Tax rate (A)", "Cash flow rate", "Liability-Assets Flag", "Borrowing dependency")


def companies(rows: int = 600) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    random = np.random.default_rng(5)
    y = (np.arange(rows) % 6 == 0).astype(np.int8)
    return random.uniform(0.2, 0.8, (rows, len(OTHERS))), y, random


def test_each_resample_orders_all_columns() -> None:
    X, y, _ = companies()
    X[:, 1] += 0.2 * y
    order = elimination_order(X, y, OTHERS, 1)
    assert order.shape == (RESAMPLES, len(OTHERS))
    np.testing.assert_array_equal(np.sort(order, axis=1), [range(len(OTHERS))] * RESAMPLES)
    assert (order[:, 1] == 3).all()


def test_one_of_two_near_duplicates_is_eliminated_early() -> None:
    # GIVEN the strongest column twice, with some noise, and a weaker column
    X, y, random = companies()
    X[:, 0] += 0.4 * y
    X[:, 1] = X[:, 0] + random.normal(0, 1e-3, len(y))
    X[:, 2] += 0.2 * y
    order = elimination_order(X, y, OTHERS, 1)
    # THEN one of the two stays longest, and the weaker column stays longer than the other
    assert (np.maximum(order[:, 0], order[:, 1]) == 3).all()
    assert np.mean(order[:, 2] > np.minimum(order[:, 0], order[:, 1])) > 0.9


def test_both_columns_of_a_strong_ratio_stay_together() -> None:
    # GIVEN two columns that are useless alone, but whose quotient separates the classes
    X, y, random = companies()
    names = (*OTHERS, *PAIR)
    current = random.uniform(0.2, 0.8, len(y)) * 1e-4  # In the unit of the data file.
    quick = current * (0.5 + 0.1 * random.normal(size=len(y)) + 0.3 * y)
    X[:, 3] += 0.05 * y
    order = elimination_order(np.column_stack([X, current, quick]), y, names, 1).mean(axis=0)
    assert set(np.argsort(order)[-2:]) == {4, 5}


def test_the_order_depends_only_on_data_and_seed() -> None:
    X, y, _ = companies()
    np.testing.assert_array_equal(elimination_order(X, y, OTHERS, 1), elimination_order(X, y, OTHERS, 1))
    assert not np.array_equal(elimination_order(X, y, OTHERS, 1), elimination_order(X, y, OTHERS, 2))


def test_a_sample_of_many_companies_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = companies()
    X[:, 1] += 0.4 * y
    monkeypatch.setattr(samples, "LARGEST_SAMPLE", 300)
    assert (elimination_order(X, y, OTHERS, 1)[:, 1] == 3).all()
