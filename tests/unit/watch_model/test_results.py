"""Which metrics the results of monitoring become."""

from __future__ import annotations

from typing import Any

from watch_model.results import metrics


def area(value: float | None) -> dict[str, Any]:
    return {"roc_auc": {"value": value, "low": value, "high": value}}


def document(expected: dict[str, Any], realised: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of monitoring.json that are published."""
    return {
        "predictions": 400,
        "left_out": {"unreadable": 2},
        "versions": {version: {"expected": each} for version, each in expected.items()},
        "realised": {version: {"metrics": each} for version, each in realised.items()},
        "alarms": {"drift": ["version 10, debt: …"], "quality": []},
    }


def test_counts_and_the_quality_of_the_newest_version_are_metrics() -> None:
    found = metrics(document({"9": area(0.9), "10": area(0.8)}, {"3": area(0.7), "4": area(0.6)}))
    assert found == {
        "MonitoredPredictions": 400,
        "DriftingColumns": 1,
        "VersionsOfLowQuality": 0,
        "UnreadablePredictions": 2,
        "ExpectedRocAuc": 0.8,
        "RealisedRocAuc": 0.6,
    }


def test_a_quality_that_is_not_known_is_no_metric() -> None:
    # Too few companies for an expectation, and too few bankruptcies among the outcomes.
    found = metrics(document({"10": area(None)}, {"4": None}))
    assert not {"ExpectedRocAuc", "RealisedRocAuc"} & set(found)
    # An older version can have a figure.
    found = metrics(document({"9": area(0.9), "10": area(None)}, {"3": area(0.7), "4": None}))
    assert (found["ExpectedRocAuc"], found["RealisedRocAuc"]) == (0.9, 0.7)
