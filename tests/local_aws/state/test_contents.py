"""What a state holds is there after a stop or a crash: objects, resources, logs and messages."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable

import pytest
import urllib3
from support.local_aws.cloud import (
    BUCKET,
    ROLE,
    Cloud,
    eventually,
)
from support.local_aws.machine import Machine

from local_aws import services


def test_objects_are_there_with_bodies_metadata_versions_and_uploads(
    machine: Machine, again: Callable[[], Cloud]
) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    cloud.s3.put_object(Bucket=BUCKET, Key="a", Body=b"first", Metadata={"mark": "x"}, ContentType="text/x")
    cloud.put("a2", b"second")
    cloud.put("a2", b"third")
    cloud.put("gone", b"gone")
    cloud.s3.delete_object(Bucket=BUCKET, Key="gone")
    cloud.s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/a")
    cloud.s3.put_object_tagging(Bucket=BUCKET, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    cloud.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    old = cloud.s3.put_object(Bucket=BUCKET, Key="v", Body=b"old")["VersionId"]
    cloud.put("v", b"new")
    upload = cloud.s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    etags = [cloud.s3.upload_part(**part, PartNumber=1, Body=bytes(5 * 2**20))["ETag"]]

    cloud = again()

    found = cloud.s3.get_object(Bucket=BUCKET, Key="a")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (
        b"first",
        {"mark": "x"},
        "text/x",
    )
    assert (cloud.get("a2"), cloud.get("copy"), cloud.get("v")) == (b"third", b"first", b"new")
    assert cloud.s3.get_object(Bucket=BUCKET, Key="v", VersionId=old)["Body"].read() == b"old"
    assert cloud.s3.get_object_tagging(Bucket=BUCKET, Key="a")["TagSet"] == [{"Key": "k", "Value": "v"}]
    listed = cloud.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [each["Key"] for each in listed] == ["a", "a2", "copy", "v"]
    # An upload that was begun can be completed.
    etags.append(cloud.s3.upload_part(**part, PartNumber=2, Body=b"end")["ETag"])
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    cloud.s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    assert cloud.get("parts") == bytes(5 * 2**20) + b"end"
    assert again().get("parts") == bytes(5 * 2**20) + b"end"


def test_files_of_dropped_bodies_are_deleted(machine: Machine) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    for number in range(5):
        cloud.put("key", bytes(number))
    assert len(list((machine.folder / "objects").iterdir())) == 1
    # What a crash leaves behind goes at the next start.
    (machine.folder / "objects" / "orphan").write_bytes(b"")
    machine.start()
    assert len(list((machine.folder / "objects").iterdir())) == 1


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", source)
    return packed.getvalue()


def test_resources_of_every_service_are_there(machine: Machine, again: Callable[[], Cloud]) -> None:
    cloud = machine.start()
    cloud.ssm.put_parameter(Name="/p", Type="String", Value="kept", Tags=[{"Key": "k", "Value": "v"}])
    queue = cloud.sqs.create_queue(QueueName="q")["QueueUrl"]
    cloud.sqs.send_message(QueueUrl=queue, MessageBody="kept")
    cloud.sns.create_topic(Name="t")
    cloud.iam.create_role(RoleName="pipeline-role", AssumeRolePolicyDocument="{}")
    cloud.events.put_rule(Name="r", ScheduleExpression="rate(15 minutes)")
    cloud.logs.create_log_group(logGroupName="g")
    cloud.cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    api = cloud.apigateway.create_rest_api(name="api")["id"]
    key = cloud.apigateway.create_api_key(name="key", enabled=True)
    code = {"ZipFile": zipped("def handler(event, _): return event['n'] + 1")}
    getattr(cloud, "lambda").create_function(
        FunctionName="f", Runtime="python3.12", Role=ROLE, Handler="main.handler", Code=code
    )
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="group")

    cloud = again()

    assert cloud.ssm.get_parameter(Name="/p")["Parameter"]["Value"] == "kept"
    assert cloud.sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "kept"
    assert len(cloud.sns.list_topics()["Topics"]) == 1
    assert cloud.iam.get_role(RoleName="pipeline-role")["Role"]["RoleName"] == "pipeline-role"
    assert [each["Name"] for each in cloud.events.list_rules()["Rules"]] == ["r"]
    assert [each["logGroupName"] for each in cloud.logs.describe_log_groups()["logGroups"]] == ["g"]
    assert cloud.cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'
    assert cloud.apigateway.get_rest_api(restApiId=api)["name"] == "api"
    found = cloud.apigateway.get_api_key(apiKey=key["id"], includeValue=True)
    assert found["value"] == key["value"]
    answer = getattr(cloud, "lambda").invoke(FunctionName="f", Payload=b'{"n": 1}')
    assert answer["Payload"].read() == b"2"
    groups = cloud.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [each["ModelPackageGroupName"] for each in groups] == ["group"]


def test_alarms_and_metrics_are_there(machine: Machine, again: Callable[[], Cloud]) -> None:
    cloud = machine.start()
    metric = {"Namespace": "counted", "MetricName": "m"}
    cloud.cloudwatch.put_metric_alarm(
        AlarmName="a",
        **metric,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    cloud.cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="A drill.")
    cloud.cloudwatch.put_metric_data(Namespace="counted", MetricData=[{"MetricName": "kept", "Value": 2.0}])
    database = machine.folder / "state.sqlite-wal"
    eventually(lambda: b"kept" in database.read_bytes())

    cloud = again()

    (alarm,) = cloud.cloudwatch.describe_alarms()["MetricAlarms"]
    assert (alarm["StateReason"], alarm["Threshold"]) == ("A drill.", 1.0)
    (listed,) = cloud.cloudwatch.list_metrics(Namespace="counted")["Metrics"]
    assert listed["MetricName"] == "kept"


def test_log_events_and_messages_that_are_a_second_old_are_there(machine: Machine) -> None:
    cloud = machine.start()
    cloud.logs.create_log_group(logGroupName="g")
    cloud.logs.create_log_stream(logGroupName="g", logStreamName="s")
    event = {"timestamp": time.time_ns() // 1_000_000, "message": "kept"}
    cloud.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    database = machine.folder / "state.sqlite-wal"
    eventually(lambda: b"kept" in database.read_bytes())
    cloud = machine.crash()
    found = cloud.logs.get_log_events(logGroupName="g", logStreamName="s")["events"]
    assert [each["message"] for each in found] == ["kept"]


def test_the_outbox_keeps_its_messages(machine: Machine, again: Callable[[], Cloud]) -> None:
    cloud = machine.start()
    topic = cloud.sns.create_topic(Name="alarms")["TopicArn"]
    cloud.sns.publish(TopicArn=topic, Subject="Alarm", Message="The endpoint fails.")
    time.sleep(1.5)  # a crash can lose the last second
    cloud = again()
    (message,) = urllib3.request("GET", f"{cloud.aws.url}/_local/outbox", retries=False).json()
    assert (message["topic"], message["subject"], message["text"]) == (
        topic,
        "Alarm",
        "The endpoint fails.",
    )


def test_firehose_keeps_what_it_has_not_delivered(machine: Machine, again: Callable[[], Cloud]) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    destination = {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{BUCKET}", "Prefix": "log/"}
    cloud.firehose.create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration=destination
    )
    cloud.firehose.put_record(DeliveryStreamName="s", Record={"Data": b"one\n"})
    time.sleep(1.5)  # a crash can lose the last second
    cloud = again()
    # A stop delivers everything; after a crash, the stream still holds it.
    cloud.firehose.delete_delivery_stream(DeliveryStreamName="s")
    [item] = cloud.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert cloud.get(item["Key"]) == b"one\n"


def test_the_log_of_predictions_is_ready_after_a_restart(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, prepared = services.create_backend_app, []

    def record(service: str) -> object:
        prepared.append(service)
        return prepare(service)

    machine.start()
    monkeypatch.setattr(services, "create_backend_app", record)
    cloud = machine.start()
    prepared.clear()
    # A prediction waits 250 ms for its log, so the request must not find the service unprepared.
    with pytest.raises(cloud.firehose.exceptions.ResourceNotFoundException):
        cloud.firehose.put_record_batch(DeliveryStreamName="none", Records=[{"Data": b"x"}])
    assert prepared == []
