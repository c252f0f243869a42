"""Updates of endpoints with a DeploymentConfig: shares of the requests, bakes, and alarms that roll back."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.answering import configure_answer, invoke, settled
from support.local_aws.cloud import Cloud, eventually

from local_aws.base import clock

BAKE = 600
NEW = {"VariantName": "AllTraffic", "EndpointName": "e", "EndpointConfigName": "weak"}


def alarm(cloud: Cloud, name: str = "a", **changes: Any) -> None:
    request = {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": key, "Value": value} for key, value in NEW.items()],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 50,
        "DatapointsToAlarm": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    cloud.cloudwatch.put_metric_alarm(**{**request, **changes})


def deployment(kind: str, **changes: Any) -> dict[str, Any]:
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": 0}
    if kind == "CANARY":
        size = {"Type": "INSTANCE_COUNT", "Value": 1}
        routing |= {"CanarySize": size, "WaitIntervalInSeconds": BAKE}
    policy = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": BAKE,
        "MaximumExecutionTimeoutInSeconds": 2 * BAKE + 1800,
    }
    return {
        "BlueGreenUpdatePolicy": {**policy, **changes},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]},
    }


@pytest.fixture(params=[4])
def endpoint(cloud: Cloud, request: pytest.FixtureRequest) -> Cloud:
    """An endpoint with the model "good", the configuration of the model "weak", and its alarm."""
    configure_answer(cloud, "good", request.param)
    configure_answer(cloud, "weak", request.param)
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="good")
    settled(cloud)
    alarm(cloud)
    clock.advance(60 - clock.now().second)
    return cloud


def update(cloud: Cloud, config: dict[str, Any]) -> None:
    cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="weak", DeploymentConfig=config)


def pending(cloud: Cloud) -> dict[str, Any]:
    """Return the summary of the variant that is being deployed."""
    found = cloud.sagemaker.describe_endpoint(EndpointName="e")
    variants = found.get("PendingDeploymentSummary", {}).get("ProductionVariants", [{}])
    summary: dict[str, Any] = variants[0]
    return summary


def bakes(cloud: Cloud, text: str) -> bool:
    """Wait until the update bakes with this message."""

    def look() -> bool:
        (status,) = pending(cloud).get("VariantStatus", [{"Status": "", "StatusMessage": ""}])
        return status["Status"] == "Baking" and text in status["StatusMessage"]

    return eventually(look)


def answers(cloud: Cloud, count: int) -> Counter[str]:
    return Counter(invoke(cloud)["answer"] for _ in range(count))


def sums(cloud: Cloud) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
    """Return the sum of each metric, by its name and dimensions."""
    found: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
    start = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=10)
    for metric in cloud.cloudwatch.list_metrics(Namespace="AWS/SageMaker")["Metrics"]:
        datapoints = cloud.cloudwatch.get_metric_statistics(
            **metric, StartTime=start, EndTime=start + timedelta(minutes=20), Period=1200, Statistics=["Sum"]
        )["Datapoints"]
        dimensions = frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"])
        found[metric["MetricName"], dimensions] += round(sum(each["Sum"] for each in datapoints))
    return found


def test_a_canary_gets_its_share_and_then_everything(endpoint: Cloud) -> None:
    update(endpoint, deployment("CANARY"))
    # THEN one of four instances of the new configuration gets a quarter of the requests
    assert bakes(endpoint, "canary capacity of 1 instance(s)")
    assert (pending(endpoint)["DesiredInstanceCount"], answers(endpoint, 40)) == (
        4,
        Counter(good=30, weak=10),
    )
    described = endpoint.sagemaker.describe_endpoint(EndpointName="e")
    assert described["EndpointConfigName"] == "good"
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == "weak"
    # AND after the first bake, all of them
    clock.advance(BAKE)
    assert bakes(endpoint, "full capacity of 4 instance(s)")
    assert answers(endpoint, 10) == Counter(weak=10)
    # AND after the second one, the old configuration is gone
    clock.advance(BAKE)
    after = settled(endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "weak")
    assert "PendingDeploymentSummary" not in after
    assert after["LastDeploymentConfig"] == deployment("CANARY")


def test_a_failed_request_rolls_back(endpoint: Cloud) -> None:
    # GIVEN a new configuration that gets all requests and fails on one
    update(endpoint, deployment("ALL_AT_ONCE"))
    assert bakes(endpoint, "TerminationWaitInSeconds")
    assert answers(endpoint, 5) == Counter(weak=5)
    with pytest.raises(ClientError, match="ModelError"):
        invoke(endpoint, b"fail")
    # WHEN the minute ends
    clock.advance(60)
    # THEN the old configuration is in service again, and the alarm tells the cause
    after = settled(endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "good")
    assert "FailureReason" not in after
    assert answers(endpoint, 5) == Counter(good=5)
    (cause,) = endpoint.cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    assert cause["StateValue"] == "ALARM"


def test_an_alarm_that_always_holds_stops_the_update(endpoint: Cloud) -> None:
    update(endpoint, deployment("CANARY"))
    assert bakes(endpoint, "canary")
    alarm(endpoint, Threshold=0.0, TreatMissingData="breaching")
    clock.advance(60)
    assert settled(endpoint)["EndpointConfigName"] == "good"


def test_metrics_tell_the_configurations_apart(endpoint: Cloud) -> None:
    update(endpoint, deployment("CANARY"))
    assert bakes(endpoint, "canary")
    answers(endpoint, 8)
    both = {"EndpointName": "e", "VariantName": "AllTraffic"}
    found = sums(endpoint)
    assert found["Invocations", frozenset(both.items())] == 8
    assert found["Invocations", frozenset(NEW.items())] == 2
    old = frozenset({**both, "EndpointConfigName": "good"}.items())
    assert found["Invocations", old] == 6
    assert found["Invocation5XXErrors", old] == 0
    assert found["ModelLatency", old] > 0


def test_every_stage_is_an_event(endpoint: Cloud) -> None:
    queue = endpoint.sqs.create_queue(QueueName="stages")["QueueUrl"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint Deployment State Change"]}
    endpoint.events.put_rule(Name="rule", EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{endpoint.aws.region}:123456789012:stages"
    endpoint.events.put_targets(Rule="rule", Targets=[{"Id": "queue", "Arn": arn}])
    update(endpoint, deployment("ALL_AT_ONCE"))
    assert bakes(endpoint, "Baking for 600 seconds")
    seen: list[dict[str, Any]] = []

    def look() -> bool:
        received = endpoint.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        seen.extend(json.loads(each["Body"])["detail"] for each in received.get("Messages", []))
        return len(seen) >= 3

    eventually(look)
    stages = [each["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0] for each in seen]
    assert {each["Status"] for each in stages} == {"Creating", "ActivatingTraffic", "Baking"}
    assert {each["EndpointStatus"] for each in seen} == {"UPDATING"}


@pytest.mark.parametrize("endpoint", [1], indirect=True)
@pytest.mark.parametrize(
    ("config", "message"),
    [
        (deployment("CANARY"), r"CanarySize is 1 of 1 instance\(s\); it must be at most half of them"),
        (deployment("LINEAR"), "does not implement LINEAR traffic; use ALL_AT_ONCE or CANARY"),
        (
            deployment("ALL_AT_ONCE", MaximumExecutionTimeoutInSeconds=600),
            "MaximumExecutionTimeoutInSeconds is 600; it must be larger than the waiting times",
        ),
        (
            {
                **deployment("ALL_AT_ONCE"),
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "no-such"}]},
            },
            "There is no alarm no-such",
        ),
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                    "WaitIntervalInSeconds": 0,
                }
            },
            "does not implement RollingUpdatePolicy",
        ),
    ],
)
def test_other_updates_are_refused(endpoint: Cloud, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        update(endpoint, config)
    assert endpoint.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
