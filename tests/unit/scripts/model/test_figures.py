"""Differences of two versions have intervals, and it is known whether both saw the same companies."""

from __future__ import annotations

from typing import Any

import pytest
from support.models.evaluations import evaluation, interval

from scripts.model.figures import difference_texts, same_companies


def with_area(value: float, low: float, high: float) -> dict[str, Any]:
    document = evaluation()
    document["candidates"]["recommended"]["intervals"]["roc_auc"] = interval(value, low, high)
    return document


def test_the_interval_of_a_difference_combines_the_distances_of_both() -> None:
    # The lower end uses the new version's lower distance and the old one's upper distance: 0.03 and 0.04.
    old, new = with_area(0.90, 0.88, 0.94), with_area(0.96, 0.93, 0.97)
    differences = dict(difference_texts(old, new))
    assert differences["ROC-AUC"] == "+0.060 (+0.010 to +0.082)"
    assert dict(difference_texts(new, old))["ROC-AUC"] == "-0.060 (-0.082 to -0.010)"


def test_the_same_data_rule_and_seed_choose_the_same_companies() -> None:
    assert same_companies(evaluation(), evaluation())


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"file": "data.csv", "sha256": "1" * 64}},
        {"split_rule": "by industry"},
        {"test": {"companies": 1364, "bankruptcies": 45}},
        {"provenance": {"parameters": {"RandomSeed": 43}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_split_chooses_other_companies(change: dict[str, Any]) -> None:
    assert not same_companies(evaluation(), evaluation() | change)


@pytest.mark.parametrize("missing", ["split_rule", "provenance"])
def test_without_a_record_of_the_split_it_is_not_certain(missing: str) -> None:
    documents = [evaluation(), evaluation()]
    for document in documents:
        del document[missing]
    assert not same_companies(*documents)
