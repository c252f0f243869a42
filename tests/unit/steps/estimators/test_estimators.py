"""The transformers and classifiers of the recommended estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from steps.dataset.columns import RATIOS
from steps.dataset.directions import DIRECTIONS, LOWERS, RAISES, direction
from steps.dataset.ratios import DERIVED
from steps.dataset.units import MIXED_UNITS
from steps.estimators import directed_networks, recipes
from steps.estimators.blend import Blend
from steps.estimators.boosting import BoostingBag
from steps.estimators.directed_logistic import DirectedLogistic
from steps.estimators.directed_networks import DirectedNetworks
from steps.estimators.forest import Forest
from steps.estimators.inputs import Clip
from steps.estimators.logit_classifier import LogitClassifier
from steps.estimators.ratios import DerivedRatios
from steps.estimators.recipes import ESTIMATORS
from steps.estimators.unit_repair import UnitRepair


def companies(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = (np.arange(rows) % 5 == 0).astype(np.int8)
    return rng.normal(size=(rows, 5)) + y[:, None] * [1.5, 1.0, 0.0, 0.0, 0.5], y


def test_units_are_only_repaired_in_mixed_columns() -> None:
    names = ["Debt ratio %", "Quick Ratio", "Cash Turnover Rate"]
    X = np.array([[2e9, 2e9, 0.5], [0.5, 1.0, 1.00000005], [-3.0, 0.0, -1e-4], [1.0, 1.0000002, 1e10]])
    repaired = UnitRepair(names).fit_transform(X)
    expected = [
        [2e9, 0.2, 5e3],
        [0.5, 1e4, 10000.0005],
        [-3.0, 0.0, -1.0],
        [1.0, 1.0000002e-10, 1.0],
    ]
    np.testing.assert_allclose(repaired, expected, rtol=1e-12)
    assert X[0, 1] == 2e9


def test_the_data_set_has_24_columns_with_mixed_units() -> None:
    assert len(MIXED_UNITS) == len(set(MIXED_UNITS)) == 24
    assert set(MIXED_UNITS) < set(RATIOS)


def test_a_ratio_needs_both_of_its_columns() -> None:
    names = ["Total Asset Turnover", "Net worth/Assets", "Total expense/Assets", "Net Income to Total Assets"]
    X = np.array([[2.0, 0.5, 1.0, 0.2], [0.0, 3.0, 4.0, -0.1]])
    derived = DerivedRatios(names).fit_transform(X)
    # Expense over turnover, then net income times net worth. Retained earnings are missing.
    expected = [[*X[0], 1.0 / (2.0 + 1e-9), 0.1], [*X[1], 4.0 / 1e-9, -0.3]]
    np.testing.assert_allclose(derived, expected, rtol=1e-15)


def test_differences_are_left_minus_right() -> None:
    names = ["Current Liability to Assets", "Cash/Total Assets"]
    derived = DerivedRatios(names).fit_transform(np.array([[0.5, 0.2]]))
    np.testing.assert_allclose(derived, [[0.5, 0.2, -0.3]])


def test_without_pairs_there_are_no_ratios() -> None:
    X = np.array([[1.0], [2.0]])
    np.testing.assert_array_equal(DerivedRatios(["Tax rate (A)"]).fit_transform(X), X)


def test_derived_values_are_finite_and_bounded() -> None:
    names = ["Total Asset Turnover", "Total expense/Assets"]
    X = np.array([[-1e-9, 1.0], [-1e-9, 0.0], [1.0, -1e300], [1e300, 1e300]])
    expected = [[-1e-9, 1.0, 1e12], [-1e-9, 0.0, 0.0], [1.0, -1e12, -1e12], [1e12, 1e12, 1.0]]
    np.testing.assert_allclose(DerivedRatios(names).fit_transform(X), expected, rtol=1e-8)


def test_all_ratios_use_known_columns_and_are_grouped_by_operation() -> None:
    for ratio in DERIVED:
        assert {ratio.left, ratio.right} <= set(RATIOS)
    operations = [ratio.operation for ratio in DERIVED]
    assert operations == sorted(operations, key=["difference", "quotient", "product"].index)
    assert len({(r.operation, r.left, r.right) for r in DERIVED}) == len(DERIVED)


def test_a_ratio_has_the_directions_of_its_columns() -> None:
    # GIVEN columns that all have a direction or none: raising one must not move the risk both ways
    for ratio in DERIVED:
        right = direction(ratio.right) if ratio.operation == "product" else -direction(ratio.right)
        assert {direction(ratio.left), right} - {0} <= {ratio.direction}
    # Cash lowers the risk and current debt raises it, so more of their difference lowers it.
    difference = next(r for r in DERIVED if (r.left, r.operation) == ("Cash/Total Assets", "difference"))
    assert difference.direction == LOWERS
    # Net value per share lowers the risk, so a quotient with it as divisor raises the risk.
    assert next(r for r in DERIVED if r.right == "Net Value Per Share (A)").direction == RAISES


def test_directions_name_known_columns_and_include_the_plain_ones() -> None:
    assert set(DIRECTIONS) < set(RATIOS)
    assert direction("Debt ratio %") == direction("Current Liability to Assets") == RAISES
    assert direction("Current Ratio") == direction("Net Income to Total Assets") == LOWERS
    assert direction("Total Asset Growth Rate") == 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_ratio_with_a_direction_moves_the_risk_only_that_way(name: str) -> None:
    # GIVEN companies whose risk falls with the debt ratio and with net worth, against economics for debt
    names = ["Debt ratio %", "Net worth/Assets", "Net Income to Total Assets", "Tax rate (A)"]
    rng = np.random.default_rng(4)
    X = rng.uniform(0, 1, (600, 4))
    y = (X @ [-1.0, -2.0, -1.0, 1.0] + rng.normal(0, 0.3, 600) > -1.2).astype(np.int8)
    model = ESTIMATORS[name](names, 1).fit(X, y)
    # WHEN one ratio of each company rises
    for column, rises in enumerate([RAISES, LOWERS, LOWERS]):
        moved = np.repeat(X[:100], 11, axis=0)
        moved[:, column] = np.tile(np.linspace(0, 1, 11), 100)
        steps = rises * np.diff(model.decision_function(moved).reshape(100, 11), axis=1)
        # THEN the risk of no company moves the other way
        assert steps.min() >= -1e-12
    # AND a ratio with the right direction, and one without a direction, still count
    for column in (1, 3):
        moved = X[:100].copy()
        moved[:, column] = 0.9
        assert np.abs(model.decision_function(moved) - model.decision_function(X[:100])).max() > 0.1


def test_a_directed_logistic_without_directions_equals_scikit_learn() -> None:
    X, y = companies()
    expected = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(X, y)
    found = DirectedLogistic(0.5).fit(X, y)
    np.testing.assert_allclose(found.coefficients_, expected.coef_[0], atol=1e-5)
    np.testing.assert_allclose(found.intercept_, expected.intercept_[0], atol=1e-5)


def test_a_coefficient_of_the_wrong_sign_becomes_0_and_the_others_adapt() -> None:
    X, y = companies()
    found = DirectedLogistic(0.5, [-1, 1, 0, 0, 0]).fit(X, y)
    # The fit equals one without the column, because its coefficient would be positive.
    expected = DirectedLogistic(0.5).fit(X[:, 1:], y)
    assert found.coefficients_[0] == 0
    np.testing.assert_allclose(found.coefficients_[1:], expected.coefficients_, atol=1e-5)


def test_networks_find_an_interaction_that_a_logistic_regression_cannot() -> None:
    # GIVEN companies whose risk rises with one column if the other is high, and falls with it otherwise
    X = np.random.default_rng(5).normal(size=(2000, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int8)
    linear, networks = DirectedLogistic().fit(X, y), DirectedNetworks().fit(X, y)
    assert np.mean(linear.predict(X) == y) < 0.6
    assert np.mean(networks.predict(X) == y) > 0.95
    # AND if the risk can only rise with the first column, half of the interaction is out of reach
    directed = DirectedNetworks(directions=[1, 0]).fit(X, y)
    assert 0.6 < np.mean(directed.predict(X) == y) < 0.9


def test_a_directed_network_minimizes_its_loss_within_its_constraints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # GIVEN a network that was fitted to the end
    monkeypatch.setattr(directed_networks, "ITERATIONS", 3000)
    X, y = companies(60)
    directions = np.array([1, -1, 0, 0, 1])
    (found,) = DirectedNetworks(1, directions=directions).fit(X, y).networks_

    def loss(network: directed_networks.Network) -> float:
        logit = np.tanh(X @ network.inputs + network.biases) @ network.outputs + network.intercept
        likelihood = np.where(y == 1, logit, -logit)
        penalties = 5 * np.sum(network.inputs**2) + 20 * np.sum(network.outputs**2)
        return float(np.sum(np.logaddexp(0, -likelihood)) + penalties / 2)

    assert (directions[:, None] * found.inputs >= 0).all()
    assert (found.outputs >= 0).all()
    # The risk rises with the second column, so its constraint pins its weights. The network is not constant.
    np.testing.assert_array_equal(found.inputs[1], 0)
    assert found.inputs[0] @ found.outputs > 0.1
    # WHEN any coefficient moves as far as its sign allows, THEN the loss does not fall
    for name, values in found._asdict().items():
        for position in np.ndindex(values.shape):
            for step in (1e-3, -1e-3):
                moved = values.copy()
                moved[position] += step
                if name == "inputs" and directions[position[0]]:
                    moved[position] *= directions[position[0]] * moved[position] >= 0
                if name == "outputs":
                    moved[position] = max(moved[position], 0)
                assert loss(found._replace(**{name: moved})) >= loss(found) - 1e-9, (name, position, step)


def test_without_directions_no_column_has_one() -> None:
    X, y = companies()
    for free, directed in (
        (DirectedNetworks(1), DirectedNetworks(1, directions=[0] * 5)),
        (DirectedLogistic(), DirectedLogistic(directions=[0] * 5)),
    ):
        np.testing.assert_array_equal(
            free.fit(X, y).decision_function(X), directed.fit(X, y).decision_function(X)
        )


def test_clip_limits_values() -> None:
    np.testing.assert_array_equal(Clip(3.0).fit_transform(np.array([[-9.0, 3.5, 1.0]])), [[-3.0, 3.0, 1.0]])


CLASSIFIERS: dict[str, LogitClassifier] = {
    "boosting": BoostingBag(bags=2, trees=5),
    "logistic": DirectedLogistic(),
    "forest": Forest(trees=5),
    "networks": DirectedNetworks(networks=2),
    "blend": Blend([("forest", Forest(trees=5)), ("logistic", DirectedLogistic())]),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_and_predictions_follow_from_the_logit(name: str) -> None:
    X, y = companies()
    model = clone(CLASSIFIERS[name]).fit(X, y)
    logit = model.decision_function(X)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logit)), rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), logit > 0)
    assert logit[y == 1].mean() > logit[y == 0].mean()


@pytest.mark.parametrize("name", ["boosting", "forest", "networks"])
def test_a_fit_depends_only_on_data_and_seed(name: str) -> None:
    X, y = companies()

    def logit(seed: int) -> np.ndarray:
        return clone(CLASSIFIERS[name]).set_params(seed=seed).fit(X, y).decision_function(X)

    np.testing.assert_array_equal(logit(1), logit(1))
    assert not np.array_equal(logit(1), logit(2))


def test_a_blend_is_the_mean_of_its_members_logits() -> None:
    X, y = companies()
    members: list[tuple[str, Any]] = [("a", Forest(5, seed=1)), ("b", Forest(5, seed=2))]
    blend = Blend(members).fit(X, y)
    parts = [clone(member).fit(X, y).decision_function(X) for _, member in members]
    np.testing.assert_allclose(blend.decision_function(X), (parts[0] + parts[1]) / 2, rtol=1e-15)


def test_a_certain_forest_has_a_finite_logit() -> None:
    X = np.repeat([[0.0], [1.0]], 50, axis=0)
    y = np.repeat([0, 1], 50)
    largest = np.log((1 - 1e-6) / 1e-6)
    np.testing.assert_allclose(Forest(3).fit(X, y).decision_function(X[[0, 99]]), [-largest, largest])


def test_boosting_fits_on_its_share_of_each_class() -> None:
    X, y = companies()
    model = BoostingBag(bags=2, trees=1, share=0.5).fit(X, y)
    # Each ensemble starts at the log-odds of its sample: 20 of 100.
    for member in model.members_:
        np.testing.assert_allclose(member._baseline_prediction.item(), np.log(20 / 80))
    assert len({member.random_state for member in model.members_}) == 2


def test_the_blend_has_three_families_on_repaired_columns_and_ratios() -> None:
    pipeline = recipes.blend(["Quick Ratio"], 5)
    assert [name for name, _ in pipeline.steps] == ["units", "ratios", "blend"]
    members = dict(pipeline["blend"].members)
    assert list(members) == ["boosting", "networks", "forest"]
    assert (members["boosting"].bags, members["boosting"].trees, members["boosting"].seed) == (4, 60, 5)
    assert (members["forest"].trees, members["forest"].seed) == (75, 5)
    networks = members["networks"]["networks"]
    assert (networks.networks, networks.seed) == (4, 5)
    assert networks.directions == DerivedRatios(["Quick Ratio"]).directions == [LOWERS]
