"""Operating points: the thresholds of the risk levels."""

from __future__ import annotations

import numpy as np
import pytest

from steps.measures.metrics import confusion
from steps.measures.operating_points import operating_points, threshold_at


@pytest.mark.parametrize(("share", "false_positives"), [(0.05, 5), (0.01, 1), (0.0, 0), (0.5, 50)])
def test_threshold_allows_no_more_false_positives(share: float, false_positives: int) -> None:
    y = np.array([0] * 100 + [1] * 10)
    probability = np.append(np.arange(100) / 100, np.full(10, 0.945))
    counts = confusion(y, probability, threshold_at(y, probability, share))
    assert counts.false_positives == false_positives


def test_threshold_lies_between_two_scores() -> None:
    assert threshold_at(np.array([0, 0, 1]), np.array([0.2, 0.4, 0.8]), 0.0) == pytest.approx(0.6)
    assert threshold_at(np.array([1, 0]), np.array([0.2, 0.4]), 0.0) == pytest.approx(0.7)
    assert threshold_at(np.array([0, 1]), np.array([0.2, 0.4]), 1.0) == pytest.approx(0.1)


def test_risk_levels_have_the_expected_rates() -> None:
    y = np.array([0] * 1000 + [1] * 10)
    probability = np.append(
        np.arange(1000) / 1000, [0.1, 0.3, 0.5, 0.7, 0.9, 0.955, 0.975, 0.985, 0.995, 0.999]
    )
    points = operating_points(y, probability)
    assert points.threshold == points.medium.threshold == pytest.approx(0.9495)
    low, medium, high = points.risk_levels()
    assert (medium["level"], medium["from"]) == ("medium", points.medium.threshold)
    assert (high["level"], high["from"]) == ("high", points.high.threshold)
    assert low == {"level": "low", "from": 0.0}
    assert medium["expected"] == {
        "false_positive_rate": 0.05,
        "recall": 0.5,
        "precision": pytest.approx(5 / 55),
    }
    assert high["expected"] == {
        "false_positive_rate": 0.01,
        "recall": 0.2,
        "precision": pytest.approx(2 / 12),
    }


@pytest.mark.parametrize(("probability", "precision"), [(0.3, 0.0), (1.0, 1 / 3)])
def test_levels_rise_even_if_all_probabilities_tie(probability: float, precision: float) -> None:
    points = operating_points(np.array([0, 0, 1]), np.full(3, probability))
    assert probability <= points.medium.threshold < points.high.threshold
    assert points.medium.threshold <= 1
    assert points.medium.precision == precision


def test_an_exactly_allowed_share_is_allowed_despite_rounding() -> None:
    # 0.05 · 1,300 is 65.00000000000001 or 64.99999999999999, depending on how it is computed.
    y = np.array([0] * 1300 + [1])
    probability = np.append(np.arange(1300) / 1300, 0.5)
    for share, allowed in ((0.05, 65), (0.01, 13)):
        counts = confusion(y, probability, threshold_at(y, probability, share))
        assert counts.false_positives == allowed


@pytest.mark.parametrize(("others", "allowed"), [(19, 0), (20, 1), (39, 1), (40, 2)])
def test_a_share_between_two_counts_allows_the_smaller_one(others: int, allowed: int) -> None:
    y = np.array([0] * others + [1])
    probability = np.append((np.arange(others) + 1) / 100, 0.001)
    counts = confusion(y, probability, threshold_at(y, probability, 0.05))
    assert counts.false_positives == allowed


def test_medium_risk_allows_five_percent_false_positives_and_high_risk_one_percent() -> None:
    y = np.array([0] * 10_000 + [1])
    probability = np.append((np.arange(10_000) + 1) / 20_000, 0.9)
    points = operating_points(y, probability)
    assert confusion(y, probability, points.medium.threshold).false_positives == 500
    assert confusion(y, probability, points.high.threshold).false_positives == 100


def test_a_company_at_the_threshold_has_the_higher_level() -> None:
    y, probability = np.array([0, 1]), np.array([0.25, 0.75])
    threshold = threshold_at(y, probability, 0.0)
    assert threshold == 0.5
    below = float(np.nextafter(threshold, 0))
    assert confusion(y, np.array([threshold, below]), threshold).false_positives == 1
    assert confusion(y, np.array([below, threshold]), threshold).true_positives == 1


def test_high_risk_starts_just_above_medium_risk_if_both_thresholds_tie() -> None:
    points = operating_points(np.array([0, 0, 1]), np.full(3, 0.3))
    assert points.high.threshold == np.nextafter(points.medium.threshold, 1)
