"""The preprocessing stages equal scikit-learn's transformers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from inference.errors import ArtifactError
from inference.forward import chain
from inference.forward.preprocess import QuantileNormal, normal_quantile

HOSTILE = [0.0, -0.0, 1.0, -1.0, 1e10, -1e10, 5e-324, -5e-324, 1e-310, 1e-7, 0.5, 1e300, -1e300, 9.99999e9]


def columns(rows: int) -> np.ndarray:
    """Return columns as difficult as financial ratios: ties, constants, mixed units, steps of 1e-300."""
    rng = np.random.default_rng(7)
    mixed = np.where(rng.random(rows) < 0.3, rng.uniform(0, 1e10, rows), rng.random(rows))
    return np.column_stack(
        [
            rng.normal(size=rows),
            np.where(rng.random(rows) < 0.6, 0.0, rng.random(rows)),
            rng.integers(0, 3, rows).astype(float),
            mixed,
            np.ones(rows),
            rng.integers(0, 9, rows) * 1e-300,
            rng.lognormal(0, 6, rows) - 5,
        ]
    )


@pytest.mark.parametrize("n_quantiles", [1, 2, 7, 200, 256, 1000])
def test_quantile_transform_equals_scikit_learn(n_quantiles: int) -> None:
    X = columns(1500)
    transformer = QuantileTransformer(
        n_quantiles=n_quantiles, output_distribution="normal", random_state=0
    ).fit(X)
    stage = QuantileNormal(transformer.quantiles_, transformer.references_)
    hostile = np.random.default_rng(1).choice(HOSTILE, (400, X.shape[1]))
    for values in (X, hostile, transformer.quantiles_, np.nextafter(transformer.quantiles_, np.inf)):
        # THEN every value agrees, even one row at a time
        np.testing.assert_allclose(stage(values), transformer.transform(values), rtol=0, atol=1e-9)
        np.testing.assert_array_equal(stage(values[:1]), stage(values)[:1])


def test_quantile_transform_does_not_change_its_input() -> None:
    X = columns(50)
    kept = X.copy()
    QuantileNormal(np.sort(X, axis=0), np.linspace(0, 1, 50))(X)
    np.testing.assert_array_equal(X, kept)


def test_quantiles_that_differ_by_a_subnormal_give_finite_scores() -> None:
    stage = QuantileNormal(np.array([[-1.0], [0.0], [1e-320], [1.0]]), np.linspace(0, 1, 4))
    scores = stage(np.array([[0.0], [5e-321], [1e-320]]))[:, 0]
    np.testing.assert_allclose(scores, [norm.ppf(1 / 3), 0.0, norm.ppf(2 / 3)], atol=0.5)
    assert (np.diff(scores) >= 0).all()


def test_normal_quantile_equals_scipy() -> None:
    tails = np.logspace(-10, -1, 500)
    p = np.concatenate([tails, np.linspace(0.01, 0.99, 999), 1 - tails, [0.075, 0.925, 0.5]])
    np.testing.assert_allclose(normal_quantile(p), norm.ppf(p), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("with_mean", "with_std"), [(True, True), (False, True), (True, False)])
def test_standardize_equals_scikit_learn(with_mean: bool, with_std: bool) -> None:
    X = columns(300)[:, :4]
    scaler = StandardScaler(with_mean=with_mean, with_std=with_std).fit(X)
    mean = scaler.mean_ if with_mean else np.zeros(4)
    scale = scaler.scale_ if with_std else np.ones(4)
    (stage,) = chain([{"kind": "standardize", "arrays": "0"}], {"0.mean": mean, "0.scale": scale}, 4)
    hostile = np.random.default_rng(2).choice(HOSTILE, (100, 4))
    np.testing.assert_array_equal(stage(hostile), scaler.transform(hostile))


@pytest.mark.parametrize(
    ("spec", "arrays", "message"),
    [
        ({"kind": "standardize"}, {"0.mean": np.zeros(2), "0.scale": np.array([1.0, 0.0])}, "not above 0"),
        (
            {"kind": "standardize"},
            {"0.mean": np.zeros(3), "0.scale": np.ones(2)},
            r"shape \(3,\); it must be \(2,\)",
        ),
        ({"kind": "standardize"}, {"0.mean": np.zeros(2)}, "lacks the array '0.scale'"),
        (
            {"kind": "standardize"},
            {"0.mean": np.zeros(2), "0.scale": np.array([1.0, np.nan])},
            "finite numbers",
        ),
        ({"kind": "standardize"}, {"0.mean": np.zeros(2), "0.scale": np.array(["a", "b"])}, "finite numbers"),
        (
            {"kind": "quantile_normal"},
            {"0.quantiles": np.array([[0.0, 1.0], [1.0, 0.5]]), "0.references": np.array([0.0, 1.0])},
            "out of order",
        ),
        ({"kind": "pca"}, {}, "knows blend, .*, linear, mlp, quantile_normal, ratios, sigmoid"),
    ],
)
def test_invalid_parameters_are_rejected(spec: dict, arrays: dict, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        chain([{**spec, "arrays": "0"}], arrays, 2)
