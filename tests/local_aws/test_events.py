"""Events of local AWS reach the targets of EventBridge rules."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import pytest
from support.local_aws.cloud import BUCKET, Cloud, eventually, processing

from local_aws.base.changes import Changes
from local_aws.base.clients import Clients
from local_aws.events.api import rules_of
from local_aws.events.delivery import Delivery
from local_aws.events.schedules import Schedules

SOURCE = {"source": ["aws.sagemaker"]}


class Queue:
    """A queue that collects its messages."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.sqs = cloud.sqs
        self.url = cloud.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{cloud.aws.region}:123456789012:{name}"
        self.messages: list[dict[str, Any]] = []

    def receive(self) -> list[dict[str, Any]]:
        """Return all messages received so far, oldest first."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        self.messages += answer.get("Messages", [])
        return self.messages

    def events(self) -> list[dict[str, Any]]:
        """Return all events received so far."""
        return [json.loads(each["Body"]) for each in self.receive()]


def put_rule(
    cloud: Cloud, pattern: dict[str, Any], target: dict[str, Any], name: str = "rule", **more: Any
) -> None:
    cloud.events.put_rule(Name=name, EventPattern=json.dumps(pattern), **more)
    cloud.events.put_targets(Rule=name, Targets=[{"Id": "target", **target}])


def register(cloud: Cloud) -> str:
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="group")
    answer = cloud.sagemaker.create_model_package(
        ModelPackageGroupName="group", CustomerMetadataProperties={"contract": "abc"}
    )
    return str(answer["ModelPackageArn"])


def test_an_approval_is_an_event(cloud: Cloud) -> None:
    # GIVEN a rule for approvals of one group
    queue = Queue(cloud, "events")
    detail = {"ModelPackageGroupName": ["group"], "ModelApprovalStatus": ["Approved", "Rejected"]}
    pattern = {**SOURCE, "detail-type": ["SageMaker Model Package State Change"], "detail": detail}
    put_rule(cloud, pattern, {"Arn": queue.arn})
    # WHEN a package is registered, no event is sent; when it is approved, one event is sent
    arn = register(cloud)
    cloud.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    (event,) = eventually(queue.events)
    # THEN the event has AWS's structure
    assert event["source"] == "aws.sagemaker"
    assert event["account"] == "123456789012"
    assert event["region"] == "eu-west-1"
    assert event["resources"] == [arn]
    assert time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
    assert event["detail"]["ModelPackageArn"] == arn
    assert event["detail"]["ModelPackageVersion"] == 1
    assert event["detail"]["ModelApprovalStatus"] == "Approved"
    assert event["detail"]["CustomerMetadataProperties"] == {"contract": "abc"}


def test_an_execution_and_its_steps_are_events(cloud: Cloud) -> None:
    queue = Queue(cloud, "events")
    put_rule(cloud, SOURCE, {"Arn": queue.arn})
    code = cloud.put_script("bad", "raise SystemExit('no such file')")
    execution = cloud.start([processing("Bad", code)])
    cloud.finish(execution)
    pipeline = execution.split("/execution/")[0]

    def statuses() -> dict[str, list[tuple[Any, Any]]] | None:
        found: dict[str, list[tuple[Any, Any]]] = {}
        for event in queue.events():
            detail = event["detail"]
            if "Step Status" in event["detail-type"]:
                pair = (detail.get("previousStepStatus"), detail["currentStepStatus"])
            elif "Pipeline Execution Status" in event["detail-type"]:
                previous = detail.get("previousPipelineExecutionStatus")
                pair = (previous, detail["currentPipelineExecutionStatus"])
            else:
                pair = (None, detail["ProcessingJobStatus"])
            found.setdefault(event["detail-type"], []).append(pair)
        return found if sum(map(len, found.values())) == 6 else None

    found = eventually(statuses)
    assert sorted(map(str, found["SageMaker Model Building Pipeline Execution Status Change"])) == sorted(
        map(str, [(None, "Executing"), ("Executing", "Failed")])
    )
    assert sorted(
        map(str, found["SageMaker Model Building Pipeline Execution Step Status Change"])
    ) == sorted(map(str, [(None, "Executing"), ("Executing", "Failed")]))
    assert {status for _, status in found["SageMaker Processing Job State Change"]} == {
        "InProgress",
        "Failed",
    }
    failed = next(
        each["detail"] for each in queue.events() if each["detail"].get("currentStepStatus") == "Failed"
    )
    assert failed["stepName"] == "Bad"
    assert failed["stepType"] == "Processing"
    assert failed["pipelineArn"] == pipeline
    assert failed["pipelineExecutionArn"] == execution
    assert "no such file" in failed["failureReason"]
    assert ":processing-job/pipelines-" in failed["metadata"]["processingJob"]["arn"]


def test_a_new_object_is_an_event_if_its_bucket_sends_events(cloud: Cloud) -> None:
    # GIVEN a bucket without events, whose objects send none
    queue = Queue(cloud, "events")
    detail = {"bucket": {"name": [BUCKET]}, "object": {"key": [{"prefix": "data/"}]}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    put_rule(cloud, pattern, {"Arn": queue.arn})
    cloud.put("data/silent.csv", "x")
    # WHEN its events are switched on, and objects are created in all ways, under the rule's prefix and beside
    cloud.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    cloud.put("runs/other.csv", "x")
    cloud.put("data/put.csv", "hello")
    cloud.s3.copy_object(
        Bucket=BUCKET, Key="data/copied.csv", CopySource={"Bucket": BUCKET, "Key": "data/put.csv"}
    )
    place = {"Bucket": BUCKET, "Key": "data/parts.csv"}
    upload = cloud.s3.create_multipart_upload(**place)["UploadId"]
    part = cloud.s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    cloud.s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
    cloud.s3.delete_object(Bucket=BUCKET, Key="data/copied.csv")
    # THEN those under the prefix are events of AWS's structure
    events = eventually(lambda: len(queue.events()) >= 3 and queue.events())
    found = {each["detail"]["object"]["key"]: each for each in events}
    assert sorted((each["detail"]["object"]["key"], each["detail"]["reason"]) for each in events) == [
        ("data/copied.csv", "CopyObject"),
        ("data/parts.csv", "CompleteMultipartUpload"),
        ("data/put.csv", "PutObject"),
    ]
    event = found["data/put.csv"]
    assert event["resources"] == [f"arn:aws:s3:::{BUCKET}"]
    assert event["detail"]["bucket"] == {"name": BUCKET}
    assert event["detail"]["object"]["size"] == 5
    assert event["detail"]["object"]["etag"] == "5d41402abc4b2a76b9719d911017c592"
    assert "version-id" not in event["detail"]["object"]


HANDLER = f"""
import boto3, json

def handler(event, context):
    key = "seen/" + event["detail"]["ModelApprovalStatus"]
    boto3.client("s3").put_object(Bucket="{BUCKET}", Key=key, Body=json.dumps(event))
"""


def put_function(cloud: Cloud) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", HANDLER)
    role = cloud.iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    created = cloud.__getattr__("lambda").create_function(
        FunctionName="f",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    return str(created["FunctionArn"])


def test_a_function_is_a_target(cloud: Cloud) -> None:
    put_rule(cloud, SOURCE, {"Arn": put_function(cloud)})
    arn = register(cloud)

    def seen() -> bytes | None:
        try:
            return cloud.get("seen/PendingManualApproval")
        except cloud.s3.exceptions.NoSuchKey:
            return None

    assert json.loads(eventually(seen))["resources"] == [arn]


def test_a_topic_and_a_log_group_are_targets(cloud: Cloud) -> None:
    queue = Queue(cloud, "events")
    topic = cloud.sns.create_topic(Name="topic")["TopicArn"]
    cloud.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    put_rule(cloud, SOURCE, {"Arn": topic}, "to-topic")
    cloud.logs.create_log_group(logGroupName="/events")
    group = f"arn:aws:logs:{cloud.aws.region}:123456789012:log-group:/events"
    put_rule(cloud, SOURCE, {"Arn": group}, "to-logs")
    arn = register(cloud)
    (notification,) = eventually(queue.events)
    assert json.loads(notification["Message"])["resources"] == [arn]
    (logged,) = eventually(lambda: cloud.logs.filter_log_events(logGroupName="/events")["events"])
    assert json.loads(logged["message"])["resources"] == [arn]


@pytest.mark.parametrize("off", ["disabled", "schedule"])
def test_a_disabled_rule_or_one_without_a_pattern_sends_nothing(cloud: Cloud, off: str) -> None:
    silent, control = Queue(cloud, "silent"), Queue(cloud, "control")
    if off == "disabled":
        put_rule(cloud, SOURCE, {"Arn": silent.arn}, "off", State="DISABLED")
    else:
        cloud.events.put_rule(Name="off", ScheduleExpression="rate(5 minutes)")
        cloud.events.put_targets(Rule="off", Targets=[{"Id": "target", "Arn": silent.arn}])
    put_rule(cloud, SOURCE, {"Arn": control.arn}, "on")
    register(cloud)
    eventually(control.events)
    time.sleep(0.2)
    assert silent.events() == []


def test_an_undeliverable_event_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    dead = Queue(cloud, "dead")
    missing = f"arn:aws:lambda:{cloud.aws.region}:123456789012:function:nobody"
    target = {
        "Arn": missing,
        "DeadLetterConfig": {"Arn": dead.arn},
        "RetryPolicy": {"MaximumRetryAttempts": 1},
    }
    put_rule(cloud, SOURCE, target)
    arn = register(cloud)
    (message,) = eventually(dead.receive)
    assert json.loads(message["Body"])["resources"] == [arn]
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes["TARGET_ARN"] == missing
    assert attributes["RULE_ARN"].endswith(":rule/rule")
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"


def test_an_event_without_the_input_path_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    queue, dead = Queue(cloud, "events"), Queue(cloud, "dead")
    target = {"Arn": queue.arn, "InputPath": "$.detail.nothing", "DeadLetterConfig": {"Arn": dead.arn}}
    put_rule(cloud, {"source": ["tests"]}, target)
    cloud.events.put_events(Entries=[{"Source": "tests", "DetailType": "Test", "Detail": "{}"}])
    (message,) = eventually(dead.receive)
    assert "nothing" in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_put_events_is_delivered_and_transformed(cloud: Cloud) -> None:
    queue = Queue(cloud, "events")
    transformer = {"InputPathsMap": {"name": "$.detail.name"}, "InputTemplate": '{"hello": "<name>"}'}
    put_rule(cloud, {"source": ["tests"]}, {"Arn": queue.arn, "InputTransformer": transformer})
    entry = {"Source": "tests", "DetailType": "Test", "Detail": json.dumps({"name": "world"})}
    assert cloud.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert eventually(queue.events) == [{"hello": "world"}]


def test_a_transformer_omits_values_that_an_event_does_not_have(cloud: Cloud) -> None:
    queue = Queue(cloud, "events")
    paths = {"arn": "$.resources[0]", "nothing": "$.detail.nothing"}
    transformer = {"InputPathsMap": paths, "InputTemplate": '{"arn": "<arn>", "nothing": "<nothing>"}'}
    put_rule(cloud, SOURCE, {"Arn": queue.arn, "InputTransformer": transformer})
    arn = register(cloud)
    assert eventually(queue.events) == [{"arn": arn, "nothing": ""}]


def test_events_in_the_name_of_an_aws_service_are_rejected(cloud: Cloud) -> None:
    queue = Queue(cloud, "events")
    put_rule(cloud, SOURCE, {"Arn": queue.arn})
    entries = [
        {"Source": source, "DetailType": "Test", "Detail": json.dumps({"name": "x"})}
        for source in ("aws.sagemaker", "tests")
    ]
    answer = cloud.events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert "EventId" in answer["Entries"][1]
    time.sleep(0.2)
    assert queue.events() == []


def test_a_rule_with_a_rate_fires_when_it_is_due(cloud: Cloud) -> None:
    # GIVEN a rule that fires every 15 minutes, other rules that never fire, and a fake clock
    queue = Queue(cloud, "scheduled")
    target = [{"Id": "target", "Arn": queue.arn}]
    for name, state in (("quarterly", "ENABLED"), ("disabled", "DISABLED")):
        cloud.events.put_rule(Name=name, ScheduleExpression="rate(15 minutes)", State=state)
        cloud.events.put_targets(Rule=name, Targets=target)
    cloud.events.put_rule(Name="nightly", ScheduleExpression="cron(0 3 * * ? *)")
    cloud.events.put_targets(Rule="nightly", Targets=target)
    rules = rules_of(cloud.aws.region)
    clients = Clients(cloud.aws.url, cloud.aws.region)
    delivery = Delivery(lambda _: clients, cloud.aws.url, cloud.aws.region, rules, Changes())
    now = 0.0
    schedules = Schedules(rules, delivery.fire, lambda: now)
    # WHEN time passes
    for minutes in (0, 14, 15, 16, 29):
        now = minutes * 60.0
        schedules.tick()
    # THEN the rule has fired once, with a scheduled event
    (event,) = eventually(queue.events)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:eu-west-1:123456789012:rule/quarterly"]
    # AND it fires again after the next period
    now = 31 * 60.0
    schedules.tick()
    assert len(eventually(lambda: len(queue.events()) > 1 and queue.events())) == 2
    # WHEN local AWS starts again, THEN the rule fires at once, and again one period later
    now = 40 * 60.0
    schedules.fire_all()
    for minutes in (46, 54, 55):
        now = minutes * 60.0
        schedules.tick()
    assert len(eventually(lambda: len(queue.events()) > 3 and queue.events())) == 4
    delivery.close()
