"""Alarms are evaluated every minute from recorded metrics, and send events and messages when they change."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import Cloud, eventually

from local_aws.base import clock

ALARM = {
    "AlarmName": "a",
    "AlarmDescription": "Too many.",
    "Namespace": "test",
    "MetricName": "failures",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 2.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


def state(cloud: Cloud) -> str:
    (alarm,) = cloud.cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    return str(alarm["StateValue"])


def becomes(cloud: Cloud, wanted: str) -> bool:
    return eventually(lambda: state(cloud) == wanted)


def put(cloud: Cloud, value: float) -> None:
    cloud.cloudwatch.put_metric_data(
        Namespace="test", MetricData=[{"MetricName": "failures", "Value": value}]
    )


@pytest.fixture(autouse=True)
def _whole_minute() -> None:
    """Begin each test with a minute, so that none ends during the test."""
    clock.advance(60 - clock.now().second)


def test_an_alarm_follows_its_metric(cloud: Cloud) -> None:
    cloud.cloudwatch.put_metric_alarm(**ALARM)
    assert state(cloud) == "INSUFFICIENT_DATA"
    # WHEN a minute has too many failures, THEN the alarm is on from its end
    put(cloud, 1.0)
    put(cloud, 1.0)
    assert state(cloud) == "INSUFFICIENT_DATA"
    clock.advance(60)
    assert becomes(cloud, "ALARM")
    # AND off after a minute without failures
    clock.advance(60)
    assert becomes(cloud, "OK")


def test_a_changed_alarm_keeps_its_state_until_it_is_evaluated(cloud: Cloud) -> None:
    cloud.cloudwatch.put_metric_alarm(**ALARM)
    clock.advance(60)
    assert becomes(cloud, "OK")
    cloud.cloudwatch.put_metric_alarm(**{**ALARM, "Threshold": 0.0, "TreatMissingData": "breaching"})
    assert state(cloud) == "OK"
    clock.advance(60)
    assert becomes(cloud, "ALARM")


def test_a_change_is_an_event_and_a_message(cloud: Cloud) -> None:
    # GIVEN a queue for the events, and a topic with a queue for the messages
    urls = {name: cloud.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("events", "messages")}
    arns = {name: f"arn:aws:sqs:{cloud.aws.region}:123456789012:{name}" for name in urls}
    pattern = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
    cloud.events.put_rule(Name="rule", EventPattern=json.dumps(pattern))
    cloud.events.put_targets(Rule="rule", Targets=[{"Id": "queue", "Arn": arns["events"]}])
    cloud.sns.create_topic(Name="alarms")
    cloud.sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arns["messages"])
    # WHEN an alarm goes on and off
    cloud.cloudwatch.put_metric_alarm(**ALARM, AlarmActions=[TOPIC])
    cloud.cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="A drill.")
    clock.advance(60)
    assert becomes(cloud, "OK")

    # THEN both changes are events, and only the first one is a message, because there is no action for OK
    def received(name: str, count: int) -> list[dict[str, Any]]:
        bodies: list[dict[str, Any]] = []

        def look() -> bool:
            answer = cloud.sqs.receive_message(QueueUrl=urls[name], MaxNumberOfMessages=10)
            bodies.extend(json.loads(each["Body"]) for each in answer.get("Messages", []))
            return len(bodies) >= count

        eventually(look)
        return bodies

    events = received("events", 2)
    details = {each["detail"]["state"]["value"]: each["detail"] for each in events}
    assert set(details) == {"ALARM", "OK"}
    assert details["ALARM"]["alarmName"] == "a"
    assert details["ALARM"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert details["ALARM"]["state"]["reason"] == "A drill."
    assert details["OK"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == "failures"
    assert events[0]["resources"] == [f"arn:aws:cloudwatch:{cloud.aws.region}:123456789012:alarm:a"]
    (message,) = [json.loads(each["Message"]) for each in received("messages", 1)]
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == (
        "a",
        "ALARM",
        "INSUFFICIENT_DATA",
    )


def test_the_length_of_a_queue_is_a_metric(cloud: Cloud) -> None:
    url = cloud.sqs.create_queue(QueueName="letters")["QueueUrl"]
    cloud.sqs.send_message(QueueUrl=url, MessageBody="x")
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "letters"}],
        "Statistic": "Maximum",
        "Threshold": 1.0,
    }
    cloud.cloudwatch.put_metric_alarm(**{**ALARM, **metric})
    clock.advance(60)
    assert becomes(cloud, "ALARM")


def test_statistics_of_a_metric_can_be_read(cloud: Cloud) -> None:
    for value in (1.0, 3.0):
        put(cloud, value)
    start = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=5)
    answer = cloud.cloudwatch.get_metric_statistics(
        Namespace="test",
        MetricName="failures",
        StartTime=start,
        EndTime=start + timedelta(minutes=10),
        Period=600,
        Statistics=["Sum", "Average", "SampleCount"],
    )
    (found,) = answer["Datapoints"]
    assert (found["Sum"], found["Average"], found["SampleCount"]) == (4.0, 2.0, 2.0)
    (listed,) = cloud.cloudwatch.list_metrics(Namespace="test")["Metrics"]
    assert listed["MetricName"] == "failures"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Period": 30}, "Local AWS does not evaluate a Period of 30 s"),
        ({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:stop"]}, "only runs actions of SNS topics"),
    ],
)
def test_alarms_of_other_forms_are_refused(cloud: Cloud, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        cloud.cloudwatch.put_metric_alarm(**{**ALARM, **changes})


def test_states_filter_alarms(cloud: Cloud) -> None:
    for name in ("a", "b"):
        cloud.cloudwatch.put_metric_alarm(**{**ALARM, "AlarmName": name})
    cloud.cloudwatch.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="x")
    found = cloud.cloudwatch.describe_alarms(AlarmNames=["a", "b"], StateValue="ALARM")["MetricAlarms"]
    assert [each["AlarmName"] for each in found] == ["b"]
    with pytest.raises(ClientError, match="There is no alarm c"):
        cloud.cloudwatch.set_alarm_state(AlarmName="c", StateValue="ALARM", StateReason="x")


def test_missing_data_is_a_message_only_after_data(cloud: Cloud) -> None:
    topic = cloud.sns.create_topic(Name="missing")["TopicArn"]
    queue = cloud.sqs.create_queue(QueueName="missing")["QueueUrl"]
    arn = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    cloud.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    # GIVEN an alarm that has had no data for two minutes
    cloud.cloudwatch.put_metric_alarm(
        **{**ALARM, "TreatMissingData": "missing"}, InsufficientDataActions=[topic]
    )
    clock.advance(60)
    clock.advance(60)
    # WHEN data arrive, and then no more
    put(cloud, 0.0)
    clock.advance(60)
    assert becomes(cloud, "OK")
    clock.advance(60)
    assert becomes(cloud, "INSUFFICIENT_DATA")
    # THEN only the second time without data is a message
    [message] = eventually(lambda: cloud.sqs.receive_message(QueueUrl=queue).get("Messages"))
    assert json.loads(json.loads(message["Body"])["Message"])["OldStateValue"] == "OK"
