"""Adjusting probabilities to the known base rate of a portfolio."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.score.base_rate import base_rate_offset, with_offset


@pytest.mark.parametrize("base_rate", [1e-6, 0.005, 0.032, 0.2, 0.999])
def test_the_mean_probability_becomes_the_base_rate(base_rate: float) -> None:
    probability = np.random.default_rng(1).beta(0.3, 8, 5000)
    adjusted = with_offset(probability, base_rate_offset(probability, base_rate))
    assert np.mean(adjusted) == pytest.approx(base_rate, rel=1e-9)
    # The order stays, but for rounding errors.
    assert np.diff(adjusted[np.argsort(probability)]).min() > -1e-12


def test_the_offset_is_that_of_the_odds() -> None:
    # With equal probabilities, odds of 1 : 9 become odds of 1 : 4.
    assert base_rate_offset(np.full(7, 0.1), 0.2) == pytest.approx(np.log((0.2 / 0.8) / (0.1 / 0.9)))
    assert base_rate_offset(np.array([0.02, 0.3]), 0.16) == pytest.approx(0, abs=1e-9)


def test_an_offset_recovers_the_probabilities_of_another_base_rate() -> None:
    truth = np.random.default_rng(2).beta(0.5, 4, 20_000)
    seen = with_offset(truth, -1.5)
    np.testing.assert_allclose(with_offset(seen, base_rate_offset(seen, truth.mean())), truth, rtol=1e-9)


def test_certain_probabilities_stay_and_can_make_a_rate_impossible() -> None:
    probability = np.array([0.0, 1.0, 0.5, 0.5])
    assert with_offset(probability, base_rate_offset(probability, 0.4)).tolist()[:2] == [0.0, 1.0]
    for impossible in (0.25, 0.2, 0.75, 0.9):
        with pytest.raises(
            ValueError, match=r"25.0% of the probabilities are exactly 1, and 25.0% exactly 0"
        ):
            base_rate_offset(probability, impossible)
