"""Explanations: effects, their order, and rejected requests."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.artifact import Model
from inference.contract import Contract, contract_hash
from inference.errors import ArtifactError
from inference.explain import contributions
from inference.handlers import input_fn, model_fn, output_fn, predict_fn
from steps.export.files import write_model
from steps.export.served import ServedModel

NAMES = ["assets", "debt", "sales", "cash", "profit", "wages", "product"]
MEDIANS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
# The score is 2 · (0.5 · assets - debt + 0.25 · sales + 2 · profit + 3 · (cash · wages)) + 1: the logit of
# the stages, calibrated. `product` has no weight.
WEIGHTS = [0.5, -1.0, 0.25, 0.0, 2.0, 0.0, 0.0, 3.0]
SERVED = ServedModel(
    {"1.coefficients": np.array(WEIGHTS)[:, None], "1.intercept": np.zeros(1)},
    {
        "stages": [
            {
                "kind": "ratios",
                "limit": 1e12,
                "difference_left": [],
                "difference_right": [],
                "quotient_left": [],
                "quotient_right": [],
                "quotient_offsets": [],
                "product_left": [3],
                "product_right": [5],
            },
            {"kind": "linear", "arrays": "1"},
            {"kind": "sigmoid", "slope": 2.0, "intercept": 1.0},
        ]
    },
)


def score_of(row: NDArray[np.float64]) -> float:
    return float(2 * (row @ WEIGHTS[:-1] + 3 * row[3] * row[5]) + 1)


def contract(*, medians: bool = True) -> dict[str, Any]:
    return {
        "contract": contract_hash(NAMES),
        "features": [
            {"name": name, **({"median": median} if medians else {})}
            for name, median in zip(NAMES, MEDIANS, strict=True)
        ],
        "threshold": 0.2,
        "risk_levels": [{"level": "low", "from": 0.0}, {"level": "high", "from": 0.2}],
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, SERVED, contract(), None)
    return model_fn(str(folder))


def ask(model: Model, body: object, accept: str = "application/json") -> tuple[int, Any]:
    answer: Any = output_fn(predict_fn(input_fn(json.dumps(body), "application/json"), model), accept)
    if isinstance(answer, tuple):
        return 200, answer[0]
    return answer.status_code, answer.get_data(as_text=True)


def explanation(model: Model, company: list[float]) -> list[dict[str, Any]]:
    status, text = ask(model, {"data": company, "explain": True})
    assert status == 200
    found: list[dict[str, Any]] = json.loads(text)["explanation"]
    return found


def test_the_five_largest_effects_include_derived_values(model: Model) -> None:
    # GIVEN a company that differs from the medians in all features
    found = explanation(model, [3.0, 1.0, 7.0, 5.0, 4.0, 5.0, 100.0])
    # THEN each effect is what the feature adds to the calibrated logit; cash and wages act through their
    # product, in which the other one is at the mean of its value and its median
    assert [(each["feature"], each["effect"], each["direction"]) for each in found] == [
        ("cash", pytest.approx(2 * 3 * (5 - 4) * (5 + 6) / 2), "raises"),
        ("wages", pytest.approx(2 * 3 * (5 + 4) / 2 * (5 - 6)), "lowers"),
        ("profit", pytest.approx(2 * 2 * (4 - 5)), "lowers"),
        ("assets", pytest.approx(2 * 0.5 * (3 - 1)), "raises"),
        ("debt", pytest.approx(2 * -1 * (1 - 2)), "raises"),
    ]
    assert [(each["value"], each["median"]) for each in found] == [(5, 4), (5, 6), (4, 5), (3, 1), (1, 2)]


def test_a_feature_without_effect_is_not_listed(model: Model) -> None:
    assert explanation(model, MEDIANS) == []
    found = explanation(model, [*MEDIANS[:4], 6.0, 6.0, -1e9])
    assert [each["feature"] for each in found] == ["profit"]


def test_effects_add_up_to_the_score(model: Model) -> None:
    # GIVEN a company with more than five effects
    company = [3.0, 1.0, 7.0, 5.0, 4.0, 5.0, 100.0]
    _, text = ask(model, {"data": company, "explain": True})
    answer = json.loads(text)
    totals = answer["explained_score"]
    # THEN the log-odds are those of the company, and of the company with all medians
    assert totals["log_odds"] == pytest.approx(score_of(np.array(company)))
    assert totals["median_log_odds"] == pytest.approx(score_of(np.array(MEDIANS)))
    # AND the effects lead from one to the other; sales is the one that is not listed
    listed = sum(effect["effect"] for effect in answer["explanation"])
    assert totals["other_effects"] == pytest.approx(2 * 0.25 * (7 - 3))
    assert totals["median_log_odds"] + listed + totals["other_effects"] == pytest.approx(totals["log_odds"])


def test_effects_are_exact_shapley_values_if_features_act_in_pairs(model: Model) -> None:
    # GIVEN a score in which only cash and wages act together
    company = np.array([3.0, 1.0, 7.0, 5.0, 4.0, 5.0, 100.0])
    found, score, median_score = contributions(model, company)
    # THEN the effects equal the average over all orders in which the features can be replaced
    gains = np.zeros(len(NAMES))
    orders = list(permutations(range(len(NAMES))))
    for order in orders:
        row, before = np.array(MEDIANS), median_score
        for feature in order:
            row[feature] = company[feature]
            after = score_of(row)
            gains[feature] += after - before
            before = after
    assert found == pytest.approx(gains / len(orders))
    assert found.sum() == pytest.approx(score - median_score)


def test_each_company_has_its_own_explanation_and_the_same_prediction(model: Model) -> None:
    companies = [[0.1 * place + at for at in range(7)] for place in range(100)]
    status, text = ask(model, {"instances": companies, "explain": True})
    assert status == 200
    explained = json.loads(text)["predictions"]
    assert [each.pop("explanation") for each in explained[:2]] == [
        explanation(model, company) for company in companies[:2]
    ]
    for each in explained[:2]:
        del each["explained_score"]
    _, plain = ask(model, {"instances": companies, "explain": False})
    assert [list(each) for each in json.loads(plain)["predictions"]] == [list(explained[0])] * 100
    assert json.loads(plain)["predictions"][:2] == explained[:2]


def test_effects_are_finite_even_if_the_score_is_not(model: Model) -> None:
    # GIVEN a profit that alone takes the probability from nearly 0 to 1
    _, text = ask(model, {"data": [1.0, 300.0, 3.0, 4.0, 1e150, 6.0, 7.0], "explain": True})
    answer = json.loads(text)
    # THEN log-odds are limited to 700, where the probability is exactly 1, and the effects still add up
    listed = [each["effect"] for each in answer["explanation"]]
    assert answer["explained_score"]["log_odds"] == 700
    assert sum(listed) == pytest.approx(700 - score_of(np.array(MEDIANS)))
    assert answer["explained_score"]["other_effects"] == 0


def test_json_lines_have_explanations_and_csv_does_not(model: Model) -> None:
    body = {"instances": [MEDIANS, [*MEDIANS[:4], 6, 6, 7]], "explain": True}
    status, text = ask(model, body, "application/jsonlines")
    assert status == 200
    assert [len(json.loads(line)["explanation"]) for line in text.splitlines()] == [0, 1]
    status, text = ask(model, body, "text/csv")
    assert status == 415
    assert "application/jsonlines" in json.loads(text)["error"]["message"]


@pytest.mark.parametrize("wish", ["yes", 1, None])
def test_explain_must_be_true_or_false(model: Model, wish: object) -> None:
    status, text = ask(model, {"data": MEDIANS, "explain": wish})
    (detail,) = json.loads(text)["error"]["details"]
    assert (status, detail["loc"]) == (422, ["explain"])


def test_more_than_a_hundred_companies_are_not_explained(model: Model) -> None:
    status, text = ask(model, {"instances": [MEDIANS] * 101, "explain": True})
    (detail,) = json.loads(text)["error"]["details"]
    assert status == 422
    assert detail == {
        "loc": ["explain"],
        "message": (
            "At most 100 companies can be explained at once, but 101 were sent. "
            "Send fewer companies, or set 'explain' to false."
        ),
    }


def test_a_model_without_medians_cannot_explain(tmp_path: Path) -> None:
    write_model(tmp_path, SERVED, contract(medians=False), None)
    model = model_fn(str(tmp_path))
    assert ask(model, {"data": MEDIANS})[0] == 200
    status, text = ask(model, {"data": MEDIANS, "explain": True})
    assert status == 422
    assert "has no medians" in text


@pytest.mark.parametrize("median", [float("inf"), None])
def test_either_all_features_have_medians_or_none(tmp_path: Path, median: float | None) -> None:
    facts = contract()
    facts["features"][3] = {"name": "cash"} if median is None else {"name": "cash", "median": median}
    with pytest.raises(ArtifactError, match="median for every feature"):
        Contract.from_facts(facts)
