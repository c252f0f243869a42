"""What ran when local AWS stopped is ended, continued or rolled back."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.local_aws.answering import configure_answer, invoke, settled
from support.local_aws.cloud import (
    BUCKET,
    OUT,
    WRITE,
    Cloud,
    eventually,
    processing,
    processing_request,
)
from support.local_aws.machine import Machine

from local_aws.cloudformation.types.resource import ResourceType

SLEEP = "import time; time.sleep(60)"
QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made"}}
PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/p", "Type": "String", "Value": "1"}}


def test_a_running_execution_is_failed_and_can_be_retried(
    machine: Machine, again: Callable[[], Cloud]
) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    quick, slow = cloud.put_script("quick", WRITE), cloud.put_script("slow", SLEEP)
    steps = [processing("A", quick, [OUT, "1"]), processing("B", slow, [OUT, "2"], DependsOn=["A"])]
    execution = cloud.start(steps)
    eventually(lambda: cloud.steps(execution).get("B", {}).get("Metadata"))
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
