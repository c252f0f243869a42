"""Drift is found when companies change, and not when they do not; expected quality holds."""

from __future__ import annotations

import numpy as np
import pytest
from support.monitoring import LEVELS, companies, probabilities, profile

from steps.measures.metrics import roc_auc
from steps.monitoring.drift import FALSE_ALARMS, ColumnDrift, Reference, column_drifts
from steps.monitoring.expected import expected_quality
from steps.monitoring.log import Batch
from steps.monitoring.summary import Sample

PROFILE = profile()
RUNS = 30.0


def sample(features: np.ndarray) -> Sample:
    hashes = np.random.default_rng(0).permutation(len(features)).astype(np.uint64)
    return Sample.of(Batch(PROFILE, [], probabilities(features), features, hashes))


def drifts(features: np.ndarray, reference: Reference | None = None) -> dict[str, ColumnDrift]:
    found = column_drifts(PROFILE, sample(features), reference or Reference.training(PROFILE), RUNS)
    return {each.name: each for each in found}


def reasons(features: np.ndarray) -> dict[str, str]:
    return {name: each.reason for name, each in drifts(features).items() if each.reason}


@pytest.mark.parametrize("count", [100, 1000, 10_000])
def test_the_same_kind_of_companies_raises_no_alarm(count: int) -> None:
    # GIVEN many months of runs; at most FALSE_ALARMS of the months may have one alarm
    months = 20
    alarms = sum(bool(reasons(companies(count, seed=1000 + run))) for run in range(months * int(RUNS)))
    assert alarms <= 1 + months * FALSE_ALARMS


def test_a_shifted_column_is_found_and_no_other() -> None:
    features = companies(1000, seed=7)
    features[:, 1] *= 1.5
    found = reasons(features)
    assert set(found) == {"debt", "probability"}
    assert found["debt"].startswith("its distribution differs (index 0.")


def test_the_index_is_about_zero_for_the_same_companies_and_known_for_a_shift() -> None:
    same = drifts(companies(20_000, seed=8))
    assert all(each.index < 0.003 for each in same.values())
    # GIVEN half of the companies with ratios below the lowest decile: then the shares are 0.55 and nine times
    # 0.05 instead of ten times 0.1
    features = companies(20_000, seed=9)
    features[::2, 0] = PROFILE.edges[0][0] - 0.01
    index = drifts(features)["ratio"].index
    assert index == pytest.approx(0.45 * np.log(5.5) + 9 * 0.05 * np.log(2), abs=0.02)


def test_a_clients_unit_mistake_is_found_although_most_companies_are_right() -> None:
    features = companies(2000, seed=10)
    features[:100, 1] *= 1000
    assert reasons(features)["debt"] == "5.0% of its values are outside the training range"
    features = companies(2000, seed=10)
    features[:100, 2] = 1.7
    assert reasons(features)["quick"] == "5.0% of its values are between its two units"


def test_a_share_that_chance_explains_is_no_drift() -> None:
    features = companies(100, seed=11)
    features[:2, 1] *= 1000  # 2 % of 100
    assert reasons(features) == {}
    assert drifts(features)["debt"].outside == 0.02


def test_swapped_columns_are_found() -> None:
    features = companies(300, seed=12)
    assert {"ratio", "debt"} <= set(reasons(features[:, [1, 0, 2]]))


def test_rare_values_are_judged_together_with_their_neighbours() -> None:
    # GIVEN a column whose values are nearly all the same, and a day with three of the rare ones among 100
    features = companies(100, seed=24)
    features[:, 2] = 0.5
    rare = Reference(
        (*Reference.training(PROFILE).counts[:2], np.zeros(10), Reference.training(PROFILE).counts[3])
    )
    rare.counts[2][[4, 9]] = 4995, 5
    features[:3, 2] = PROFILE.edges[2][-1] + 1e5
    assert drifts(features, rare)["quick"].p_value == 1.0


def test_few_companies_are_not_compared() -> None:
    assert drifts(companies(99, seed=13)) == {}


def test_an_accepted_window_becomes_the_reference() -> None:
    shifted = companies(2000, seed=14)
    shifted[:, 1] *= 1.5
    later = companies(2000, seed=15)
    later[:, 1] *= 1.5
    accepted = Reference.accepted(PROFILE, sample(shifted))
    assert all(not each.reason for each in drifts(later, accepted).values())
    assert drifts(companies(2000, seed=16), accepted)["debt"].reason


def test_columns_of_which_an_accepted_window_has_too_few_companies_are_compared_with_training() -> None:
    # GIVEN an accepted window of which only the scores were logged
    scores = probabilities(companies(2000, seed=14))
    accepted = Reference.accepted(
        PROFILE, Sample.of(Batch(PROFILE, [], scores, None, np.arange(2000, dtype=np.uint64)))
    )
    shifted = companies(2000, seed=15)
    shifted[:, 1] *= 1.5
    found, trained = drifts(shifted, accepted), drifts(shifted)
    assert [found[name] for name in PROFILE.names] == [trained[name] for name in PROFILE.names]
    # AND a small window replaces no column
    few = Reference.accepted(PROFILE, sample(companies(99, seed=16)))
    assert drifts(shifted, few) == trained


def test_without_numbers_only_the_probability_is_compared() -> None:
    features = companies(500, seed=17)
    hashes = np.arange(500, dtype=np.uint64)
    without = Sample.of(Batch(PROFILE, [], probabilities(features), None, hashes))
    found = column_drifts(PROFILE, without, Reference.training(PROFILE), RUNS)
    assert [each.name for each in found] == ["probability"]


def quality(probability: np.ndarray) -> dict[str, tuple[float, float, float]]:
    levels = [level["level"] for level in LEVELS]
    bounds = [level["from"] for level in LEVELS]
    found = expected_quality(probability, levels, bounds, seed=1)
    return {name: (each.value, each.low, each.high) for name, each in found.items()}


def test_the_expected_quality_is_that_of_outcomes_drawn_from_the_probabilities() -> None:
    probability = probabilities(companies(20_000, seed=18))
    generator = np.random.default_rng(19)
    outcome = (generator.random(20_000) < probability).astype(int)
    found = quality(probability)

    assert found["bankruptcies"][0] == pytest.approx(probability.sum())
    assert found["roc_auc"][0] == pytest.approx(roc_auc(outcome, probability), abs=0.02)
    assert found["brier"][0] == pytest.approx(np.mean((outcome - probability) ** 2), rel=0.05)
    flagged = probability >= 0.1
    assert found["recall_medium"][0] == pytest.approx(outcome[flagged].sum() / outcome.sum(), abs=0.05)
    assert found["precision_medium"][0] == pytest.approx(outcome[flagged].mean(), abs=0.05)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_intervals_allow_for_an_industry_with_half_or_double_the_bankruptcies(factor: float) -> None:
    probability = probabilities(companies(20_000, seed=20))
    _, low, high = quality(probability)["bankruptcies"]
    assert low < 1.15 * factor * probability.sum() or factor > 1
    assert high > 0.85 * factor * probability.sum() or factor < 1


def test_nothing_is_expected_of_no_companies_or_of_levels_without_companies() -> None:
    assert quality(np.zeros(0)) == {}
    value, low, high = quality(np.full(100, 0.01))["precision_high"]
    assert np.isnan([value, low, high]).all()
