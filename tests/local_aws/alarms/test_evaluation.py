"""The state of an alarm follows from the latest values of its metric."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.alarms.evaluation import Condition, UnsupportedAlarmError
from local_aws.base.metrics import Summary

REQUEST = {
    "Namespace": "AWS/SageMaker",
    "MetricName": "Invocation5XXErrors",
    "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


@pytest.mark.parametrize(
    ("changes", "values", "state"),
    [
        ({}, [1.0], "ALARM"),
        ({}, [0.0], "OK"),
        ({}, [None], "OK"),
        ({"TreatMissingData": "breaching"}, [None], "ALARM"),
        ({"TreatMissingData": "missing"}, [None], "INSUFFICIENT_DATA"),
        ({"TreatMissingData": None}, [None], "INSUFFICIENT_DATA"),
        ({"TreatMissingData": "ignore"}, [None], "as before"),
        ({"TreatMissingData": "ignore"}, [1.0], "ALARM"),
        ({"ComparisonOperator": "GreaterThanThreshold"}, [1.0], "OK"),
        ({"ComparisonOperator": "LessThanThreshold"}, [0.5], "ALARM"),
        ({"ComparisonOperator": "LessThanOrEqualToThreshold"}, [1.0], "ALARM"),
        # Without DatapointsToAlarm, all periods have to breach.
        ({"EvaluationPeriods": 3}, [1.0, 0.0, 1.0], "OK"),
        ({"EvaluationPeriods": 3}, [1.0, 1.0, 1.0], "ALARM"),
        ({"EvaluationPeriods": 3, "DatapointsToAlarm": 1}, [1.0, 0.0, None], "ALARM"),
        ({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, [1.0, 0.0, None], "OK"),
        (
            {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "breaching"},
            [1.0, 0.0, None],
            "ALARM",
        ),
    ],
)
def test_the_state(changes: dict[str, Any], values: list[float | None], state: str) -> None:
    assert Condition.of({**REQUEST, **changes}).state(values, "as before") == state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Metrics": [{"Id": "m", "Expression": "a / b"}]}, "does not evaluate alarms with Metrics"),
        ({"Unit": "Count"}, "does not evaluate alarms with Unit"),
        ({"Statistic": None, "ExtendedStatistic": "tm90"}, "does not evaluate the statistic tm90"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "comparison LessThanLowerThreshold"),
        ({"Period": 30}, "a Period of 30 s; it must be a multiple of 60"),
        ({"EvaluationPeriods": 181}, "Period times EvaluationPeriods is 10860 s"),
        (
            {"EvaluationPeriods": 2, "TreatMissingData": "ignore"},
            "TreatMissingData ignore with more than one period; use breaching or notBreaching",
        ),
    ],
)
def test_other_forms_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedAlarmError, match=message):
        Condition.of({**REQUEST, **changes})


def test_the_statistics_of_values() -> None:
    summary = Summary()
    for value in range(1, 101):
        summary.add(float(value))
    exact = {"Average": 50.5, "Maximum": 100.0, "Minimum": 1.0, "SampleCount": 100.0, "Sum": 5050.0}
    assert {name: summary.statistic(name) for name in exact} == exact
    for name, value in {"p50": 50.0, "p95": 95.0, "p100": 100.0}.items():
        assert summary.statistic(name) == pytest.approx(value, rel=0.011)


def test_percentiles_count_zeros() -> None:
    summary = Summary()
    for value in (0.0, 0.0, 0.0, 5.0):
        summary.add(value)
    assert summary.statistic("p50") == 0.0
    assert summary.statistic("p99") == pytest.approx(5.0, rel=0.011)
