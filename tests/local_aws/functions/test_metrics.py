"""Metrics of functions: those of Lambda, and those that a function logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.local_aws.functions import HANDLER, REGION, call, spec
from support.local_aws.sessions import root_sessions

from local_aws.base.metrics import Metrics
from local_aws.functions.logged_metrics import logged_metrics
from local_aws.functions.runtime import LambdaRuntime

LOGGED = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {
                "Namespace": "bankruptcy",
                "Dimensions": [["service"]],
                "Metrics": [{"Name": "VersionsGivenUp", "Unit": "Count"}],
            }
        ],
    },
    "service": "deploy",
    "VersionsGivenUp": [2.0],
}


def sums(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Return the sum of each metric, by namespace and name."""
    found: dict[tuple[str, str], float] = {}
    for minute in metrics.read().values():
        for series, summary in minute.items():
            key = (series.namespace, series.name)
            found[key] = found.get(key, 0.0) + summary.sum
    return found


def test_invocations_and_errors_are_counted(url: str, tmp_path: Path) -> None:
    metrics = Metrics()
    runtime = LambdaRuntime(root_sessions(url, REGION), tmp_path, metrics)
    logs = HANDLER.replace('print("seen", event, flush=True)', f"print({json.dumps(json.dumps(LOGGED))})")
    call(runtime, spec(logs, name="counted"), {})
    call(runtime, spec(logs, name="counted"), {"do": "raise"})
    runtime.close()
    found = sums(metrics)
    assert (found["AWS/Lambda", "Invocations"], found["AWS/Lambda", "Errors"]) == (2.0, 1.0)
    assert found["bankruptcy", "VersionsGivenUp"] == 4.0
    assert {dict(each.dimensions).get("FunctionName", "deploy") for each in metrics.series()} == {
        "counted",
        "deploy",
    }


def test_a_logged_metric_has_its_dimensions_and_values() -> None:
    assert list(logged_metrics(["text", json.dumps(LOGGED)])) == [
        ("bankruptcy", {"VersionsGivenUp": 2.0}, [("service", "deploy")])
    ]
    single = {**LOGGED, "VersionsGivenUp": 1}
    assert [values for _, values, _ in logged_metrics([json.dumps(single)])] == [{"VersionsGivenUp": 1.0}]


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws": ',
        '["_aws"]',
        json.dumps({**LOGGED, "VersionsGivenUp": ["many"]}),
        json.dumps({key: value for key, value in LOGGED.items() if key != "service"}),
    ],
)
def test_lines_in_another_form_are_skipped(line: str) -> None:
    assert list(logged_metrics([line])) == []
