"""Calibration of logits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steps.measures.calibration import Calibration, fit_calibration
from steps.measures.logits import pipeline_logit


def drawn(slope: float, intercept: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and outcomes with the probability sigmoid(slope · logit + intercept)."""
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


def test_fit_equals_logistic_regression_except_for_platts_targets() -> None:
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
    # Platt's targets for two companies in each class are ¾ and ¼.
    assert 0.6 < calibration.apply(logit)[3] < 0.9


def test_one_huge_logit_does_not_dominate_the_fit() -> None:
    logit, y = drawn(0.4, -2.0)
    plain = fit_calibration(logit, y)
    with_outlier = fit_calibration(np.append(logit, -2e12), np.append(y, 0))
    assert with_outlier.slope == pytest.approx(plain.slope, rel=0.01)


@pytest.mark.parametrize("logit", [np.array([2.0, 1.0, 0.0, -1.0]), np.zeros(4)])
def test_a_ranking_no_better_than_chance_gives_the_base_rate(logit: np.ndarray) -> None:
    calibration = fit_calibration(logit, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(calibration.apply(logit), 0.25)


def test_the_logit_of_a_network_is_exact_even_if_its_probability_is_saturated() -> None:
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
