"""Robustness: jitter of digits, shuffled ranks, changed risk levels, and effects against a direction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steps.measures.robustness import DIGITS, jitter, level_changes, rank_shift, wrong_way

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@pytest.mark.parametrize(("digits", "unit"), [(3, [1e-3, 0.1, 1e7, 1e-6]), (6, [1e-6, 1e-4, 1e4, 1e-9])])
def test_jitter_moves_values_by_up_to_half_a_unit_of_the_digit(digits: int, unit: list[float]) -> None:
    X = np.repeat([[0.123456789, -12.3, 9.87e9, 0.000456]], 2000, axis=0)
    moves = np.abs(jitter(X, digits, np.random.default_rng(1)) - X) / unit
    assert moves.max() == pytest.approx(0.5, abs=0.01)
    assert moves.mean() == pytest.approx(0.25, abs=0.01)


def test_jitter_keeps_zeros() -> None:
    X = np.array([[0.0, -0.0, 1.0]])
    assert jitter(X, 3, np.random.default_rng(1))[0, :2].tolist() == [0.0, 0.0]


def test_the_rank_shift_is_the_share_of_companies_that_are_passed() -> None:
    column = np.arange(100.0)
    assert rank_shift(column, column) == 0
    # Every company passes ten others, except the last ten, which find fewer to pass.
    assert rank_shift(column, column + 10) == pytest.approx((90 * 10 + sum(range(10))) / 100 / 100, abs=0.01)
    # In tied values, a company is in the middle: half of them are passed on the way out.
    assert rank_shift(np.zeros(100), np.ones(100)) == pytest.approx(0.5)


def test_level_changes_count_flagged_companies_only() -> None:
    # GIVEN a model whose probability is the first input, and companies just above both bounds
    X = np.array([[0.0501], [0.3001], [0.04], [0.0499]] * 500)

    def score(moved: Floats, companies: Rows) -> Floats:
        assert len(moved) == len(companies)
        np.testing.assert_allclose(moved, X[companies], rtol=0.01)
        return moved[:, 0]

    changes = level_changes(score, X, [0.05, 0.3], 7)
    # THEN 0.0501 ± 0.00005 never falls below 0.05, and 0.3001 ± 0.0005 falls below 0.3 in 4 of 10 cases
    assert list(changes) == [str(digits) for digits in DIGITS]
    assert changes["3"] == pytest.approx(0.2, abs=0.02)
    assert (changes["4"], changes["6"]) == (0, 0)


def test_without_flagged_companies_nothing_changes() -> None:
    assert level_changes(lambda X, _: X[:, 0], np.full((5, 1), 0.01), [0.05, 0.3], 1)["3"] == 0


def test_wrong_way_counts_companies_whose_risk_moves_against_the_direction() -> None:
    # GIVEN a risk that rises with the first column for 300 of 400 companies, and never with the second
    X = np.column_stack([np.zeros(400), np.zeros(400), np.arange(400) < 300])

    def score(moved: Floats, companies: Rows) -> Floats:
        np.testing.assert_array_equal(moved[:, 2], X[companies, 2])
        return 0.5 + np.where(moved[:, 2] == 1, 0.1, -0.1) * moved[:, 0]

    moves = {0: (1.0, 2.0), 1: (1.0, 2.0)}
    assert wrong_way(score, X, moves, {0: 1, 1: 1}, 3) == {0: 0.25, 1: 0.0}
    assert wrong_way(score, X, moves, {0: -1, 1: -1}, 3) == {0: 0.75, 1: 0.0}


def test_a_sample_of_many_companies_is_moved() -> None:
    X = np.random.default_rng(0).uniform(0, 1, (5000, 2))
    sizes = []

    def score(moved: Floats, companies: Rows) -> Floats:
        sizes.append(len(companies))
        return np.where(moved[:, 1] < 0.3, 1.0, -1.0) * moved[:, 0]

    assert wrong_way(score, X, {0: (0.0, 1.0)}, {0: -1}, 3)[0] == pytest.approx(0.3, abs=0.06)
    assert sizes == [500, 500]
