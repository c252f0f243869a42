"""Metric filters count the log events that match their pattern."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import Cloud, eventually

from local_aws.base.clock import now
from local_aws.logs.filters import UnsupportedPatternError, parse

EVENT = {"status": "504", "error": "-", "size": 12, "client": {"ip": "10.0.0.1"}, "empty": None}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.status = "504" }', True),
        ('{ $.status = "50" }', False),
        ('{ $.status = "5*" }', True),
        ("{ $.status = 5* }", True),
        ('{ $.status != "5*" }', False),
        ("{ $.size = 12 }", True),
        ('{$.client.ip="10.*.1"}', True),
        ('{ $.status = "5*" && $.error != "-" }', False),
        ('{ $.error != "-" || $.status = "504" && $.size = 12 }', True),
        ('{ ($.error != "-" || $.status = "504") && $.size = 13 }', False),
        # A property that is missing compares with nothing.
        ('{ $.nothing != "-" }', False),
        ('{ $.empty != "-" }', False),
        ('{ $.client != "-" }', False),
    ],
)
def test_a_pattern_matches(pattern: str, expected: bool) -> None:
    assert parse(pattern)(json.dumps(EVENT)) is expected
    assert parse(pattern)("not JSON") is False


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ERROR",
        "[ip, user]",
        "{ $.a > 3 }",
        "{ $.a IS NULL }",
        '{ $.a = "b" ',
        '{ $.a = "b" } x',
        "{ $.a = %b% }",
    ],
)
def test_another_pattern_is_rejected_by_name(pattern: str) -> None:
    with pytest.raises(UnsupportedPatternError, match="Local AWS does not evaluate the pattern"):
        parse(pattern)


def put_filter(cloud: Cloud, pattern: str = '{ $.status = "5*" }', **metric: Any) -> None:
    transformation = {"metricNamespace": "test", "metricName": "failed", "metricValue": "1", **metric}
    cloud.logs.put_metric_filter(
        logGroupName="/g", filterName="f", filterPattern=pattern, metricTransformations=[transformation]
    )


def test_a_filter_counts_and_can_be_replaced_and_deleted(cloud: Cloud) -> None:
    cloud.logs.create_log_group(logGroupName="/g")
    cloud.logs.create_log_stream(logGroupName="/g", logStreamName="s")

    def write(*statuses: str) -> None:
        moment = int(now().timestamp() * 1000)
        events = [{"timestamp": moment, "message": json.dumps({"status": each})} for each in statuses]
        cloud.logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=events)

    def metrics() -> list[str]:
        return [each["MetricName"] for each in cloud.cloudwatch.list_metrics(Namespace="test")["Metrics"]]

    put_filter(cloud, metricName="other")
    put_filter(cloud)
    write("200", "404")
    assert metrics() == []
    write("500", "200", "504")
    # Only the second filter of this name is left, and it has counted each matching event.
    assert eventually(metrics) == ["failed"]
    [point] = cloud.cloudwatch.get_metric_statistics(
        Namespace="test",
        MetricName="failed",
        StartTime=now() - timedelta(minutes=5),
        EndTime=now() + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 2.0
    cloud.logs.delete_metric_filter(logGroupName="/g", filterName="f")
    assert cloud.logs.describe_metric_filters(logGroupName="/g")["metricFilters"] == []


@pytest.mark.parametrize(
    "metric", [{"metricValue": "$.size"}, {"defaultValue": 0.0}, {"dimensions": {"a": "$.status"}}]
)
def test_a_filter_that_does_more_than_count_is_rejected(cloud: Cloud, metric: dict[str, Any]) -> None:
    cloud.logs.create_log_group(logGroupName="/g")
    with pytest.raises(ClientError, match="Local AWS only counts in metric filters: failed needs a number"):
        put_filter(cloud, **metric)
    with pytest.raises(ClientError, match="Local AWS does not evaluate the pattern ERROR"):
        put_filter(cloud, "ERROR")
