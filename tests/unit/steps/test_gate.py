"""The gate's decision at, just below and just above each of its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steps.judging.champion import Champion
from steps.judging.gate import Comparison, compare, gate
from steps.judging.judged_model import JudgedModel
from steps.measures.intervals import Interval, log_loss_increase, roc_auc_difference

EQUAL = Interval(0.0, -0.1, 0.1, 0.05)
TINY = 1e-9


def model(probability: Any = (), *, auc: float = 0.9, out_of_fold: float = 0.9) -> JudgedModel:
    intervals = {"roc_auc": Interval(auc, auc - 0.05, auc + 0.05, 0.02)}
    facts = {"out_of_fold": {"roc_auc": out_of_fold}}
    scores = np.asarray(probability, dtype=np.float64)
    return JudgedModel(Path(), "", facts, lambda X: X[:, 0], np.empty((0, 1)), scores, intervals, 0.0, 0.0)


@pytest.mark.parametrize(
    ("low", "worse"),
    [(0.0, False), (0.02 - TINY, False), (0.02, False), (0.02 + TINY, True), (0.1, True), (0.3, True)],
)
def test_log_loss_is_worse_if_its_whole_interval_is_above_two_percent(low: float, worse: bool) -> None:
    comparison = Comparison(EQUAL, Interval(0.5, low, 0.9, 0.1))
    assert comparison.significantly_worse() is worse


@pytest.mark.parametrize(
    ("high", "worse"),
    [(-0.1, True), (-0.002 - TINY, True), (-0.002, False), (-0.002 + TINY, False), (0.0, False)],
)
def test_roc_auc_is_worse_if_its_whole_interval_is_below_its_margin(high: float, worse: bool) -> None:
    comparison = Comparison(Interval(-0.3, -0.5, high, 0.1), EQUAL)
    assert comparison.significantly_worse() is worse
    assert comparison.verdict() == (
        "significantly worse than" if worse else "not significantly different from"
    )


@pytest.mark.parametrize(("low", "better"), [(0.0, False), (0.002, False), (0.002 + TINY, True)])
def test_roc_auc_is_better_if_its_whole_interval_is_above_its_margin(low: float, better: bool) -> None:
    comparison = Comparison(Interval(0.3, low, 0.5, 0.1), EQUAL)
    assert comparison.significantly_worse() is False
    assert comparison.verdict() == (
        "significantly better than" if better else "not significantly different from"
    )


def test_better_ranking_does_not_excuse_much_worse_probabilities() -> None:
    comparison = Comparison(Interval(0.3, 0.2, 0.5, 0.1), Interval(0.5, 0.4, 0.6, 0.1))
    assert comparison.verdict() == "significantly worse than"
    assert comparison.as_dict() == {
        "roc_auc_difference": {"value": 0.3, "low": 0.2, "high": 0.5},
        "log_loss_increase": {"value": 0.5, "low": 0.4, "high": 0.6},
        "significantly_worse": True,
        "verdict": "significantly worse",
        "smallest_detectable": {
            "roc_auc_loss": pytest.approx(0.202),
            "log_loss_increase": pytest.approx(0.12),
        },
    }
    assert comparison.summary() == (
        "ROC-AUC difference +0.3000, 95 % interval +0.2000 to +0.5000; "
        "log loss +50.0 %, 95 % interval +40.0 to +60.0 %"
    )


def test_the_comparison_is_that_of_the_selected_candidate_with_the_other_model() -> None:
    generator = np.random.default_rng(0)
    y = (np.arange(200) < 40).astype(int)
    good = np.clip(0.2 + 0.5 * y + generator.normal(0, 0.2, 200), 0.01, 0.99)
    firm = np.arange(200) // 3
    poor = np.clip(0.2 + 0.1 * y + generator.normal(0, 0.2, 200), 0.01, 0.99)
    comparison = compare(y, model(good), model(poor), firm, seed=3)
    assert comparison.roc_auc == roc_auc_difference(y, good, poor, firm, 3)
    assert comparison.log_loss == log_loss_increase(y, good, poor, firm, 3)
    assert comparison.roc_auc.low > 0
    assert comparison.verdict() == "significantly better than"
    assert compare(y, model(poor), model(good), firm, seed=3).verdict() == "significantly worse than"


@pytest.mark.parametrize(
    ("auc", "out_of_fold", "passed"),
    [
        (0.8, 0.8, True),
        (0.8 - TINY, 0.9, False),
        (0.9, 0.8 - TINY, False),
        (0.8 + TINY, 0.8 + TINY, True),
        (0.79, 0.79, False),
    ],
)
def test_both_roc_aucs_must_reach_the_minimum(auc: float, out_of_fold: float, passed: bool) -> None:
    result = gate(model(auc=auc, out_of_fold=out_of_fold), 0.8, None, None)
    assert result["passed"] is passed
    assert (result["roc_auc"], result["out_of_fold_roc_auc"]) == (auc, out_of_fold)
    assert (result["min_roc_auc"], result["not_worse_than_champion"]) == (0.8, 1)


@pytest.mark.parametrize("worse", [False, True])
def test_a_model_worse_than_the_champion_fails(worse: bool) -> None:
    comparison = Comparison(EQUAL, Interval(0.5, 0.03 if worse else 0.02, 0.9, 0.1))
    champion = Champion(model())
    result = gate(model(), 0.8, champion, comparison)
    assert result["passed"] is not worse
    assert result["not_worse_than_champion"] == (0 if worse else 1)
    assert result["reason"].endswith(
        f"; it is {comparison.verdict()} the champion ({comparison.summary()}); these companies are too few "
        "to detect a loss of less than 0.102 in ROC-AUC, or an increase of less than "
        f"{49 if worse else 50} % in log loss."
    )


def test_the_smallest_detectable_loss_is_where_the_decision_changes() -> None:
    comparison = Comparison(Interval(0.01, -0.02, 0.04, 0.015), Interval(0.03, -0.05, 0.12, 0.04))
    smallest = comparison.smallest_detectable()
    for beyond, worse in ((-TINY, False), (TINY, True)):
        auc = -smallest["roc_auc_loss"] - beyond
        assert Comparison(Interval(auc, auc - 0.03, auc + 0.03, 0.015), EQUAL).significantly_worse() is worse
        loss = smallest["log_loss_increase"] + beyond
        moved = Interval(loss, loss - 0.08, loss + 0.09, 0.04)
        assert Comparison(EQUAL, moved).significantly_worse() is worse


@pytest.mark.parametrize(
    ("auc", "out_of_fold", "reason"),
    [
        (
            0.8,
            0.8,
            "ROC-AUC 0.800 on unseen companies (95 % interval 0.750 to 0.850) reaches MinRocAuc 0.8; "
            "there is no champion to compare with.",
        ),
        (
            0.79996,
            0.9,
            "ROC-AUC 0.79996 on unseen companies (95 % interval 0.750 to 0.850) is below MinRocAuc 0.8; "
            "there is no champion to compare with.",
        ),
        (
            0.9,
            0.7996,
            "ROC-AUC 0.900 on unseen companies (95 % interval 0.850 to 0.950) reaches MinRocAuc 0.8; "
            "0.7996 out of fold, on the training companies, is below it; "
            "there is no champion to compare with.",
        ),
    ],
)
def test_reason_rounds_no_value_to_the_other_side_of_the_minimum(
    auc: float, out_of_fold: float, reason: str
) -> None:
    assert gate(model(auc=auc, out_of_fold=out_of_fold), 0.8, None, None)["reason"] == reason


def test_a_champion_that_was_not_compared_does_not_fail_a_model() -> None:
    result = gate(model(), 0.8, Champion(None, "CompareWithChampion is no"), None)
    assert (result["passed"], result["not_worse_than_champion"]) == (True, 1)
    assert result["reason"].endswith("; it was NOT compared with the champion (CompareWithChampion is no).")
