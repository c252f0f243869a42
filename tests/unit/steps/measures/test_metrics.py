"""Metrics and intervals compared with known values and with scikit-learn."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import sklearn.metrics

from steps.judging.model_quality import model_quality
from steps.measures import intervals, metrics

Y = np.array([0, 0, 1, 0, 1])
P = np.array([0.1, 0.4, 0.4, 0.2, 0.9])


def own_firms(y: metrics.Labels) -> intervals.Firms:
    """Return a firm of its own for each company."""
    return np.arange(len(y))


@pytest.fixture
def noisy() -> tuple[metrics.Labels, metrics.Floats]:
    generator = np.random.default_rng(3)
    y = (generator.random(400) < 0.1).astype(int)
    # Rounded, so that scores tie.
    return y, np.round(np.clip(0.2 * y + generator.random(400) * 0.7, 0, 1), 2)


def test_roc_auc_counts_ties_half() -> None:
    # 6 pairs: 0.4 wins 2 and ties 1, 0.9 wins 3.
    assert metrics.roc_auc(Y, P) == pytest.approx(5.5 / 6)


def test_average_precision_of_three_companies() -> None:
    # Recall ½ at precision 1, then recall 1 at precision 2/3.
    assert metrics.average_precision(Y, P) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_metrics_equal_those_of_scikit_learn(noisy: tuple[metrics.Labels, metrics.Floats]) -> None:
    y, p = noisy
    assert metrics.roc_auc(y, p) == pytest.approx(sklearn.metrics.roc_auc_score(y, p))
    assert metrics.average_precision(y, p) == pytest.approx(sklearn.metrics.average_precision_score(y, p))
    assert metrics.brier_score(y, p) == pytest.approx(sklearn.metrics.brier_score_loss(y, p))


def test_roc_auc_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="both classes"):
        metrics.roc_auc(np.zeros(3), P[:3])


def test_expected_calibration_error() -> None:
    y = np.array([0] * 9 + [1] + [0] * 4 + [1] * 6)
    p = np.array([0.1] * 10 + [0.8] * 10)
    # Two bins: 0.1 predicted and 0.1 observed, 0.8 predicted and 0.6 observed.
    assert metrics.expected_calibration_error(y, p, bins=2) == pytest.approx(0.1)


def test_calibration_error_of_the_base_rate_is_0_in_any_order() -> None:
    y = np.repeat([1, 0], [30, 970])
    rate = np.full(len(y), np.mean(y))
    for labels in (y, y[::-1]):
        assert metrics.expected_calibration_error(labels, rate) == pytest.approx(0, abs=1e-12)


def test_recall_at() -> None:
    assert metrics.recall_at(Y, P, 0.0) == 0.5
    assert metrics.recall_at(Y, P, 1 / 3) == 1.0


def test_interval_covers_the_value_and_repeats_with_the_seed(
    noisy: tuple[metrics.Labels, metrics.Floats],
) -> None:
    y, p = noisy
    interval = intervals.metric_intervals(y, p, own_firms(y), seed=1)["roc_auc"]
    assert interval.value == metrics.roc_auc(y, p)
    assert interval.low < interval.value < interval.high
    # The interval is about ± 1.96 standard deviations wide.
    assert interval.high - interval.low == pytest.approx(3.92 * interval.standard_deviation, rel=0.1)
    assert interval == intervals.metric_intervals(y, p, own_firms(y), seed=1)["roc_auc"]
    assert interval != intervals.metric_intervals(y, p, own_firms(y), seed=2)["roc_auc"]


def test_intervals_equal_a_simple_bootstrap(
    noisy: tuple[metrics.Labels, metrics.Floats],
) -> None:
    # GIVEN scores with ties, and a simple bootstrap that computes each metric on the drawn companies
    y, p = noisy
    generator = np.random.default_rng(11)
    figures = {
        "roc_auc": metrics.roc_auc,
        "pr_auc": metrics.average_precision,
        "brier": metrics.brier_score,
        "recall_at_1_percent_fpr": lambda y, p: metrics.recall_at(y, p, 0.01),
        "recall_at_5_percent_fpr": lambda y, p: metrics.recall_at(y, p, 0.05),
        "recall_at_10_percent_fpr": lambda y, p: metrics.recall_at(y, p, 0.1),
    }
    slow: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(300):
        parts = [generator.choice(np.flatnonzero(y == label), np.sum(y == label)) for label in (0, 1)]
        drawn = np.concatenate(parts)
        for name, figure in figures.items():
            slow[name].append(figure(y[drawn], p[drawn]))
    # WHEN all are computed at once
    found = intervals.metric_intervals(y, p, own_firms(y), seed=1)
    # THEN values are equal, and intervals are equal except for random differences
    assert set(found) == set(figures)
    for name, figure in figures.items():
        assert found[name].value == pytest.approx(figure(y, p), rel=1e-12), name
        spread = found[name].standard_deviation
        assert spread == pytest.approx(np.std(slow[name]), rel=0.25), name
        assert found[name].low == pytest.approx(np.quantile(slow[name], 0.025), abs=0.5 * spread), name
        assert found[name].high == pytest.approx(np.quantile(slow[name], 0.975), abs=0.5 * spread), name


def test_repeated_rows_of_a_firm_do_not_narrow_an_interval(
    noisy: tuple[metrics.Labels, metrics.Floats],
) -> None:
    # GIVEN every company five times, as rows of one firm
    y, p = noisy
    once = intervals.metric_intervals(y, p, own_firms(y), seed=1)
    five = np.repeat(np.arange(len(y)), 5)
    # THEN intervals are those of the firms
    firms = intervals.metric_intervals(y[five], p[five], five, seed=1)
    for name, interval in once.items():
        assert firms[name].value == pytest.approx(interval.value), name
        assert firms[name].standard_deviation == pytest.approx(interval.standard_deviation, rel=0.1), name
    # AND rows that count as firms of their own would seem to be more evidence
    rows = intervals.metric_intervals(y[five], p[five], own_firms(five), seed=1)
    assert rows["roc_auc"].standard_deviation < 0.6 * once["roc_auc"].standard_deviation
    # AND the same holds for differences
    other = np.clip(p + np.random.default_rng(1).normal(0, 0.1, len(y)), 0.01, 0.99)
    for difference in (intervals.roc_auc_difference, intervals.log_loss_increase):
        expected = difference(y, p.clip(0.01), other, own_firms(y), 1)
        repeated = difference(y[five], p[five].clip(0.01), other[five], five, 1)
        assert repeated.value == pytest.approx(expected.value)
        assert repeated.standard_deviation == pytest.approx(expected.standard_deviation, rel=0.1)


def test_every_resample_has_both_classes() -> None:
    # GIVEN one firm with a healthy company, among many with bankruptcies only
    y = np.array([0, *[1] * 40])
    interval = intervals.metric_intervals(y, 0.5 + y / 4, np.arange(41) // 2, seed=1)["roc_auc"]
    assert interval.as_dict() == {"value": 1.0, "low": 1.0, "high": 1.0}
    with pytest.raises(ValueError, match="both classes"):
        intervals.metric_intervals(np.ones(3), P[:3], np.arange(3), seed=1)


def test_the_noise_floor_is_the_error_of_perfect_probabilities() -> None:
    generator = np.random.default_rng(4)
    p = generator.beta(0.3, 9, size=1300)
    floor = metrics.calibration_noise_floor(p, seed=1)
    assert floor == pytest.approx(0.0086672, rel=1e-4)
    outcomes = [(generator.random(len(p)) < p).astype(int) for _ in range(200)]
    errors = [metrics.expected_calibration_error(y, p) for y in outcomes]
    assert floor == pytest.approx(np.mean(errors), rel=0.1)
    # More companies have a lower floor.
    assert metrics.calibration_noise_floor(np.repeat(p, 9), seed=1) == pytest.approx(floor / 3, rel=0.15)


def test_the_noise_floor_of_a_large_file_needs_little_memory_and_few_repeats() -> None:
    # GIVEN a million companies; storing 200 simulated outcomes of each would take 200 MB
    p = np.random.default_rng(4).beta(0.3, 9, size=1_000_000)
    tracemalloc.start()
    floor = metrics.calibration_noise_floor(p, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    # THEN the value is the expected one: each bin's gap is half-normal
    parts = np.array_split(np.sort(p), 10)
    deviations = [np.sqrt(np.sum(part * (1 - part)) * 2 / np.pi) for part in parts]
    assert floor == pytest.approx(np.sum(deviations) / len(p), rel=0.15)


def test_memory_does_not_grow_with_the_pairs_of_companies() -> None:
    # GIVEN companies whose pairs would need 1.6 GB
    generator = np.random.default_rng(0)
    y = np.repeat([1, 0], [2_000, 100_000])
    tracemalloc.start()
    metrics.roc_auc(y, y + generator.normal(size=len(y)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_the_interval_of_a_perfect_ranking_has_no_width() -> None:
    interval = intervals.metric_intervals(Y, Y.astype(float), own_firms(Y), seed=1)["roc_auc"]
    assert interval.as_dict() == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_the_paired_difference_of_two_rankings(noisy: tuple[metrics.Labels, metrics.Floats]) -> None:
    y, p = noisy
    same = intervals.roc_auc_difference(y, p, p, own_firms(y), seed=1)
    assert same.as_dict() == {"value": 0.0, "low": 0.0, "high": 0.0}
    random = np.random.default_rng(5).random(len(y))
    better = intervals.roc_auc_difference(y, y + 0.1 * random, random, own_firms(y), seed=1)
    assert better.low > 0
    worse = intervals.roc_auc_difference(y, random, y + 0.1 * random, own_firms(y), seed=1)
    assert worse.value == pytest.approx(-better.value)
    assert worse.high < 0


def test_log_loss_increase(noisy: tuple[metrics.Labels, metrics.Floats]) -> None:
    y, p = noisy
    p = np.clip(p, 0.01, 0.99)
    assert np.mean(metrics.log_losses(y, p)) == pytest.approx(sklearn.metrics.log_loss(y, p))
    assert np.all(np.isfinite(metrics.log_losses(Y, np.array([1.0, 1.0, 0.0, 0.0, 0.0]))))
    rate = np.full(len(y), np.mean(y))
    increase = intervals.log_loss_increase(y, p, rate, own_firms(y), seed=1)
    expected = sklearn.metrics.log_loss(y, p) / sklearn.metrics.log_loss(y, rate) - 1
    assert increase.value == pytest.approx(expected)
    assert increase.low < increase.value < increase.high


def test_confusion_and_rates() -> None:
    counts = metrics.confusion(Y, P, 0.4)
    assert counts == metrics.Confusion(
        true_negatives=2, false_positives=1, false_negatives=0, true_positives=2
    )
    assert (counts.recall, counts.precision) == (1.0, pytest.approx(2 / 3))
    assert (counts.accuracy, counts.false_positive_rate) == (0.8, pytest.approx(1 / 3))
    assert counts.f_beta(1) == pytest.approx(0.8)
    nothing = metrics.confusion(Y, P, 1.0)
    assert math.isnan(nothing.precision)
    assert nothing.f_beta(1) == 0


def test_model_quality_layout(noisy: tuple[metrics.Labels, metrics.Floats]) -> None:
    y, p = noisy
    quality = model_quality(y, p, 0.5, intervals.metric_intervals(y, p, own_firms(y), seed=1))
    counts = sklearn.metrics.confusion_matrix(y, p >= 0.5)
    assert quality["confusion_matrix"] == {str(i): {str(j): counts[i, j] for j in (0, 1)} for i in (0, 1)}
    assert quality["f1"]["value"] == pytest.approx(sklearn.metrics.f1_score(y, p >= 0.5))
    assert quality["f2"]["value"] == pytest.approx(sklearn.metrics.fbeta_score(y, p >= 0.5, beta=2))
    assert quality["recall"] == {"value": quality["true_positive_rate"]["value"], "standard_deviation": "NaN"}
    assert quality["auc"]["standard_deviation"] > 0
    assert quality["precision_best_constant_classifier"]["value"] == "NaN"


def test_curves_keep_their_shape_with_few_points(noisy: tuple[metrics.Labels, metrics.Floats]) -> None:
    y, p = noisy
    quality = model_quality(y, p, 0.5, intervals.metric_intervals(y, p, own_firms(y), seed=1))
    roc = quality["receiver_operating_characteristic_curve"]
    area = np.trapezoid(roc["true_positive_rates"], roc["false_positive_rates"])
    assert area == pytest.approx(metrics.roc_auc(y, p))
    assert (roc["false_positive_rates"][-1], roc["true_positive_rates"][-1]) == (1.0, 1.0)
    recall_precision = quality["precision_recall_curve"]
    steps = np.diff(recall_precision["recalls"], prepend=0.0)
    assert np.sum(steps * recall_precision["precisions"]) == pytest.approx(metrics.average_precision(y, p))
