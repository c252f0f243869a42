"""Deployments that are rejected or fail."""

from __future__ import annotations

import json

import pytest
from support.deployment.resources import accept, connect_to
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws
from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError, Event, Stack
from scripts.deploy.deployment import deploy
from scripts.deploy.outputs import read_outputs
from scripts.errors import UsageError


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    return connect_to(local_aws, monkeypatch, "mistaken")


def test_a_missing_deployment_names_deploy(aws: Aws) -> None:
    with pytest.raises(DeploymentError, match=r"mistaken-service .* Run `bankruptcy deploy` first"):
        read_outputs(aws)


def test_unknown_and_invalid_parameters_are_rejected(aws: Aws) -> None:
    with pytest.raises(UsageError, match=r"has no parameter Colour\. It has: PowertoolsVersion, "):
        deploy(aws, confirm=accept, parameters={"Colour": "red"})
    with pytest.raises(DeploymentError, match="A serverless endpoint has no instances"):
        deploy(
            aws,
            confirm=accept,
            parameters={"EndpointMode": "serverless", "MaxInstances": "2"},
        )
    with pytest.raises(UsageError, match="MinInstances is 2, but MaxInstances is only 1"):
        deploy(aws, confirm=accept, parameters={"MinInstances": "2"})
    with pytest.raises(DeploymentError, match="'LogRetentionDays' failed to satisfy constraint"):
        deploy(aws, confirm=accept, parameters={"LogRetentionDays": "2"})


def test_a_deployment_deletes_what_a_failed_creation_left(aws: Aws, cloud: Cloud) -> None:
    # GIVEN a stack that can't be created, as a queue of that name already exists
    url = cloud.sqs.create_queue(QueueName="taken")["QueueUrl"]
    body = json.dumps(
        {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}}}
    )
    events: list[Event] = []
    stack = Stack(aws, "lonely", events.append)
    with pytest.raises(DeploymentError, match=r"Queue \(AWS::SQS::Queue\) failed: .*taken"):
        stack.apply({"TemplateBody": body}, {}, [], accept)

    # WHEN the cause is removed, THEN another attempt succeeds, and the next one has nothing to do
    cloud.sqs.delete_queue(QueueUrl=url)
    assert stack.apply({"TemplateBody": body}, {}, [], accept) == "created"
    assert stack.apply({"TemplateBody": body}, {}, [], accept) == "unchanged"
    assert [e.status for e in events if e.subject == "Queue"][-1] == "CREATE_COMPLETE"
    assert stack.delete()
    assert not stack.delete()
