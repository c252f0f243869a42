"""What local AWS keeps in a folder is there after a stop or a crash, and what ran is ended or continued."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.local_aws.answering import configure_answer, invoke, settled
from support.local_aws.cloud import (
    BUCKET,
    OUT,
    ROLE,
    WRITE,
    Cloud,
    eventually,
    processing,
    processing_request,
)

from local_aws.cloudformation.types.resource import ResourceType
from local_aws.server import LocalAws
from local_aws.state.errors import StateError
from local_aws.state.state import reset

SLEEP = "import time; time.sleep(60)"
QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made"}}
PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/p", "Type": "String", "Value": "1"}}


class Machine:
    """Starts local AWS again and again, with the state in one folder after the other."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._aws: LocalAws | None = None
        self._count = 0

    def start(self, **options: Any) -> Cloud:
        self.stop()
        self._aws = LocalAws(state=self.folder, **options)
        self._aws.start()
        cloud = Cloud(self._aws)
        self._stack.callback(cloud.close)
        return cloud

    def stop(self) -> None:
        if self._aws is not None:
            self._aws.stop()
            self._aws = None

    def crash(self, before_stop: Callable[[], None] = lambda: None) -> Cloud:
        """Start with the files as they are at this moment."""
        self._count += 1
        copy = self.folder.with_name(f"crash-{self._count}")
        shutil.copytree(self.folder, copy)
        before_stop()
        self.stop()
        self.folder = copy
        return self.start()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        made = Machine(tmp_path / "state", stack)
        stack.callback(made.stop)
        yield made


@pytest.fixture(params=["stop", "crash"])
def again(request: pytest.FixtureRequest, machine: Machine) -> Callable[[], Cloud]:
    """Stop or crash local AWS and start it again."""
    return machine.start if request.param == "stop" else machine.crash


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


def test_a_running_execution_is_failed_and_can_be_retried(
    machine: Machine, again: Callable[[], Cloud]
) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    quick, slow = cloud.put_script("quick", WRITE), cloud.put_script("slow", SLEEP)
    steps = [processing("A", quick, [OUT, "1"]), processing("B", slow, [OUT, "2"], DependsOn=["A"])]
    execution = cloud.start(steps)
    eventually(lambda: cloud.steps(execution).get("B", {}).get("Metadata"), 30)
    first = cloud.steps(execution)
    job = first["B"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]

    cloud = again()

    found = cloud.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    assert (found["PipelineExecutionStatus"], found["FailureReason"]) == ("Failed", "local AWS stopped")
    steps_now = cloud.steps(execution)
    assert steps_now["A"] == first["A"]
    assert (steps_now["B"]["StepStatus"], steps_now["B"]["FailureReason"]) == ("Failed", "local AWS stopped")
    described = cloud.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert (described["ProcessingJobStatus"], described["FailureReason"]) == ("Failed", "local AWS stopped")
    # WHEN the step would end now, the execution can be retried, and keeps its first step
    cloud.put_script("slow", WRITE)
    cloud.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Succeeded"
    assert cloud.steps(execution)["A"] == first["A"]


def test_jobs_that_run_or_wait_in_the_queue_are_failed(machine: Machine, again: Callable[[], Cloud]) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    slow = cloud.put_script("slow", SLEEP)
    names = [f"job-{number}" for number in range((os.cpu_count() or 1) + 1)]
    for name in names:
        request = processing_request({"code": slow}, [], f"s3://{BUCKET}/out")
        cloud.sagemaker.create_processing_job(ProcessingJobName=name, **request)

    cloud = again()

    for name in names:
        job = cloud.sagemaker.describe_processing_job(ProcessingJobName=name)
        assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", "local AWS stopped")


def test_an_endpoint_serves_again_with_its_model(machine: Machine, again: Callable[[], Cloud]) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    configure_answer(cloud, "one")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    assert settled(cloud)["EndpointStatus"] == "InService"
    cloud.sagemaker.delete_endpoint_config(EndpointConfigName="one")

    cloud = again()

    assert invoke(cloud)["answer"] == "one"
    described = cloud.sagemaker.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "one")
    assert "LocalConfig" not in described


class Hold:
    """Holds an operation on resources of one type, as if it took for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, operation: str, kind: str) -> None:
        self._reached, self._released = threading.Event(), threading.Event()
        original = getattr(ResourceType, operation)

        def held(resource: ResourceType, *arguments: Any) -> Any:
            if resource.name == kind:
                self._reached.set()
                assert self._released.wait(30)
            return original(resource, *arguments)

        monkeypatch.setattr(ResourceType, operation, held)

    def crash(self, machine: Machine) -> Cloud:
        """Crash while the operation is held."""
        assert self._reached.wait(30)
        return machine.crash(self._released.set)


def create_stack(cloud: Cloud, resources: dict[str, Any], *, wait: bool = True) -> None:
    cloud.cloudformation.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    if wait:
        cloud.cloudformation.get_waiter("stack_create_complete").wait(
            StackName="s", WaiterConfig={"Delay": 0.1}
        )


def stack_status(cloud: Cloud) -> tuple[str, set[str]]:
    """Return the status of the stack and the reasons of all its events."""
    (stack,) = cloud.cloudformation.list_stacks()["StackSummaries"]
    events = cloud.cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    return stack["StackStatus"], {each.get("ResourceStatusReason", "") for each in events}


def queues(cloud: Cloud) -> list[str]:
    return sorted(url.rpartition("/")[2] for url in cloud.sqs.list_queues().get("QueueUrls", []))


def test_an_interrupted_creation_of_a_stack_is_rolled_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = machine.start()
    hold = Hold(monkeypatch, "create", "AWS::SSM::Parameter")
    create_stack(cloud, {"Queue": QUEUE, "Parameter": {**PARAMETER, "DependsOn": "Queue"}}, wait=False)
    cloud = hold.crash(machine)
    status, reasons = stack_status(cloud)
    assert status == "ROLLBACK_COMPLETE"
    assert "local AWS stopped" in reasons
    assert queues(cloud) == []
    assert cloud.ssm.describe_parameters()["Parameters"] == []


def test_an_interrupted_update_of_a_stack_is_rolled_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a stack, and an update that changes a queue, replaces another, and is then held at a new resource
    cloud = machine.start()
    other = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "before"}}
    create_stack(cloud, {"Queue": QUEUE, "Other": other})
    changed = {**QUEUE, "Properties": {**QUEUE["Properties"], "VisibilityTimeout": 77}}
    replaced = {**other, "Properties": {"QueueName": "after"}}
    parameter = {**PARAMETER, "DependsOn": ["Queue", "Other"]}
    hold = Hold(monkeypatch, "create", "AWS::SSM::Parameter")
    body = json.dumps({"Resources": {"Queue": changed, "Other": replaced, "Parameter": parameter}})
    cloud.cloudformation.update_stack(StackName="s", TemplateBody=body)
    # WHEN local AWS crashes
    cloud = hold.crash(machine)
    # THEN everything is as before the update
    status, reasons = stack_status(cloud)
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "local AWS stopped" in reasons
    assert queues(cloud) == ["before", "made"]
    url = cloud.sqs.get_queue_url(QueueName="made")["QueueUrl"]
    attributes = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "30"}
    found = cloud.cloudformation.describe_stack_resources(StackName="s")["StackResources"]
    assert sorted(each["LogicalResourceId"] for each in found) == ["Other", "Queue"]
    # AND the update can be made
    cloud.cloudformation.update_stack(StackName="s", TemplateBody=body)
    cloud.cloudformation.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1})
    assert queues(cloud) == ["after", "made"]


def test_an_interrupted_deletion_of_a_stack_is_continued(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = machine.start()
    create_stack(cloud, {"Queue": QUEUE, "Parameter": {**PARAMETER, "DependsOn": "Queue"}})
    hold = Hold(monkeypatch, "delete", "AWS::SQS::Queue")
    cloud.cloudformation.delete_stack(StackName="s")
    cloud = hold.crash(machine)
    assert stack_status(cloud)[0] == "DELETE_COMPLETE"
    assert queues(cloud) == []


def test_a_state_has_one_user_at_a_time(machine: Machine) -> None:
    machine.start()
    with pytest.raises(StateError, match="Another local AWS uses the state"):
        reset(machine.folder)
    machine.stop()
    reset(machine.folder)
    assert [each.name for each in machine.folder.iterdir()] == ["lock"]


def test_a_state_of_another_version_is_refused_and_stays(machine: Machine) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    machine.stop()
    versions = machine.folder / "versions.json"
    good = versions.read_text()
    versions.write_text(good.replace("eu-west-1", "us-east-1"))
    with pytest.raises(StateError, match=r"is of region us-east-1; this is region eu-west-1") as error:
        machine.start()
    assert "bankruptcy local reset --state" in error.value.hint
    versions.write_text(good)
    assert len(machine.start().s3.list_buckets()["Buckets"]) == 1


def test_the_folder_is_private(machine: Machine, tmp_path: Path) -> None:
    machine.folder.mkdir(mode=0o777)
    machine.start()
    assert machine.folder.stat().st_mode & 0o777 == 0o700
    machine.stop()
    machine.folder.chmod(0o770)
    with pytest.raises(StateError, match="Other users can write"):
        machine.start()
    machine.folder = tmp_path / "other"
    machine.folder.mkdir()
    (machine.folder / "thesis.txt").touch()
    with pytest.raises(StateError, match=r"is not a state of local AWS: it holds 'thesis.txt'"):
        machine.start()


def damage_database(folder: Path) -> None:
    (folder / "state.sqlite").write_bytes(b"no database" * 1000)


def damage_blob(folder: Path) -> None:
    data = bytearray((folder / "state.sqlite").read_bytes())
    position = data.index(b"local-tests")
    data[position : position + 5] = b"LOCAL"
    (folder / "state.sqlite").write_bytes(data)


def lose_body(folder: Path) -> None:
    next((folder / "objects").iterdir()).unlink()


def cut_body(folder: Path) -> None:
    os.truncate(next((folder / "objects").iterdir()), 1)


def lose_versions(folder: Path) -> None:
    (folder / "versions.json").unlink()


@pytest.mark.parametrize("damage", [damage_database, damage_blob, lose_body, cut_body, lose_versions])
def test_a_damaged_state_is_set_aside_as_a_whole(machine: Machine, damage: Callable[[Path], None]) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    cloud.put("key", b"body")
    machine.stop()
    before = {each.name for each in machine.folder.iterdir()} - {"lock"}
    damage(machine.folder)
    cloud = machine.start()
    assert cloud.s3.list_buckets()["Buckets"] == []
    aside = cloud.aws.damaged_state
    assert aside is not None
    assert {each.name for each in aside.iterdir()} >= before - {"versions.json", "state.sqlite-wal"}
    # AND the next start finds what is new
    cloud.make_bucket()
    assert len(machine.start().s3.list_buckets()["Buckets"]) == 1


def test_nothing_is_written_without_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with LocalAws() as aws:
        cloud = Cloud(aws)
        cloud.make_bucket()
        cloud.put("key", b"body")
        cloud.close()
    assert list(tmp_path.iterdir()) == []
