"""The bars of an explanation start where the one before ends, and lead to the company's score."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.console.pages.contributions import WIDTH, bars, probability_of


def prediction(*effects: float, others: float) -> dict[str, Any]:
    listed = [
        {"feature": f"f{at}", "value": 2.0, "median": 1.0, "effect": each} for at, each in enumerate(effects)
    ]
    score = {"median_log_odds": -4.0, "other_effects": others, "log_odds": -4.0 + sum(effects) + others}
    return {"explanation": listed, "explained_score": score}


def test_each_bar_starts_where_the_one_before_ends() -> None:
    first, up, down, others, last = bars(prediction(3.0, -1.0, others=0.5), features=5)
    assert [each.label for each in (first, up, down, others, last)] == [
        "median company",
        "f0",
        "f1",
        "the other 3 columns",
        "this company",
    ]
    assert [each.kind for each in (first, up, down, others, last)] == [
        "total",
        "raises",
        "lowers",
        "raises",
        "total",
    ]
    assert (first.effect, last.effect) == (-4.0, -1.5)
    # The bars span the drawing: from the lowest score, -4, to the highest one, -1.
    assert (up.x, up.x + up.width) == (0.0, WIDTH)
    assert down.x + down.width == pytest.approx(up.x + up.width)
    assert others.x == pytest.approx(down.x)
    assert last.x + last.width == pytest.approx(others.x + others.width)
    assert first.effect + up.effect + down.effect + others.effect == last.effect


def test_a_median_company_and_a_model_of_few_columns_can_be_drawn() -> None:
    drawn = bars(prediction(others=0.0), features=0)
    assert [(each.label, each.x) for each in drawn] == [("median company", 0.0), ("this company", 0.0)]


@pytest.mark.parametrize(
    ("log_odds", "probability"), [(0.0, 0.5), (2.0, 0.880797), (-2.0, 0.119203), (700.0, 1.0), (-700.0, 0.0)]
)
def test_log_odds_are_shown_as_a_probability(log_odds: float, probability: float) -> None:
    assert probability_of(log_odds) == pytest.approx(probability, abs=1e-6)
