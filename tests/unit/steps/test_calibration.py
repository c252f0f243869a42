"""Calibration and the operating points that rest on it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steps.measures.calibration import Calibration, fit_calibration
from steps.measures.logits import pipeline_logit
from steps.measures.metrics import confusion
from steps.measures.operating_points import operating_points, threshold_at


def drawn(slope: float, intercept: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and outcomes whose true probability is sigmoid(slope · logit + intercept)."""
    generator = np.random.default_rng(0)
    logit = generator.normal(0, 3, rows)
    probability = 1 / (1 + np.exp(-(slope * logit + intercept)))
    return logit, (generator.random(rows) < probability).astype(int)


def test_apply_is_a_sigmoid_without_overflow() -> None:
    calibration = Calibration(slope=2.0, intercept=1.0)
    expected = [0.0, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-3)), 1.0]
    np.testing.assert_allclose(calibration.apply(np.array([-1e12, 0.0, 1.0, 1e12])), expected, rtol=1e-15)


def test_fit_finds_the_true_sigmoid() -> None:
    calibration = fit_calibration(*drawn(0.4, -2.0))
    assert calibration.slope == pytest.approx(0.4, abs=0.02)
    assert calibration.intercept == pytest.approx(-2.0, abs=0.06)


def test_fit_equals_logistic_regression_but_for_platts_targets() -> None:
    logit, y = drawn(1.0, -1.0)
    free = LogisticRegression(C=np.inf, tol=1e-10).fit(logit[:, None], y)
    calibration = fit_calibration(logit, y)
    assert calibration.slope == pytest.approx(free.coef_[0, 0], rel=2e-3)
    assert calibration.intercept == pytest.approx(free.intercept_[0], rel=2e-3)


def test_mean_probability_is_the_base_rate() -> None:
    logit, y = drawn(0.3, -3.0)
    assert fit_calibration(logit, y).apply(logit).mean() == pytest.approx(y.mean(), abs=1e-3)


def test_separable_classes_stay_finite() -> None:
    logit = np.array([-2.0, -1.0, 1.0, 2.0])
    calibration = fit_calibration(logit, np.array([0, 0, 1, 1]))
    assert 0 < calibration.slope < 10
    # Platt's targets for two companies a class: ¾ and ¼.
    assert 0.6 < calibration.apply(logit)[3] < 0.9


def test_one_huge_logit_does_not_decide_the_fit() -> None:
    logit, y = drawn(0.4, -2.0)
    plain = fit_calibration(logit, y)
    with_outlier = fit_calibration(np.append(logit, -2e12), np.append(y, 0))
    assert with_outlier.slope == pytest.approx(plain.slope, rel=0.01)


@pytest.mark.parametrize("logit", [np.array([2.0, 1.0, 0.0, -1.0]), np.zeros(4)])
def test_ranking_no_better_than_chance_gives_the_base_rate(logit: np.ndarray) -> None:
    calibration = fit_calibration(logit, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(calibration.apply(logit), 0.25)


def test_logit_of_a_network_is_exact_where_its_probability_is_saturated() -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int)
    network = MLPClassifier((5,), max_iter=10, random_state=0, solver="lbfgs", max_fun=50)
    pipeline = make_pipeline(StandardScaler(), network)
    with pytest.warns(match="lbfgs failed to converge"):
        pipeline.fit(X, y)
    probability = pipeline.predict_proba(X)[:, 1]
    np.testing.assert_allclose(
        Calibration(1.0, 0.0).apply(pipeline_logit(pipeline, X)), probability, atol=1e-12
    )
    far = pipeline_logit(pipeline, np.array([[1e3, 0.0, 0.0], [1e4, 0.0, 0.0]]))
    assert 30 < far[0] < far[1] / 5
    assert network.out_activation_ == "logistic"


@pytest.mark.parametrize(("share", "false_positives"), [(0.05, 5), (0.01, 1), (0.0, 0), (0.5, 50)])
def test_threshold_lets_no_more_false_positives_through(share: float, false_positives: int) -> None:
    y = np.array([0] * 100 + [1] * 10)
    probability = np.append(np.arange(100) / 100, np.full(10, 0.945))
    counts = confusion(y, probability, threshold_at(y, probability, share))
    assert counts.false_positives == false_positives


def test_threshold_lies_between_two_scores() -> None:
    assert threshold_at(np.array([0, 0, 1]), np.array([0.2, 0.4, 0.8]), 0.0) == pytest.approx(0.6)
    assert threshold_at(np.array([1, 0]), np.array([0.2, 0.4]), 0.0) == pytest.approx(0.7)
    assert threshold_at(np.array([0, 1]), np.array([0.2, 0.4]), 1.0) == pytest.approx(0.1)


def test_operating_points_state_what_to_expect() -> None:
    y = np.array([0] * 1000 + [1] * 10)
    probability = np.append(
        np.arange(1000) / 1000, [0.1, 0.3, 0.5, 0.7, 0.9, 0.955, 0.975, 0.985, 0.995, 0.999]
    )
    points = operating_points(y, probability)
    assert points.threshold == points.medium.threshold == pytest.approx(0.9495)
    low, medium, high = points.risk_levels()
    assert low == {"level": "low", "from": 0.0}
    assert medium["expected"] == {
        "false_positive_rate": 0.05,
        "recall": 0.5,
        "precision": pytest.approx(5 / 55),
    }
    assert high["level"] == "high"
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
