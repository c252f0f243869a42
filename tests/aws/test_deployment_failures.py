"""Deployments that fail: what is refused, and what a failed creation leaves."""

from __future__ import annotations

import json

import boto3
import pytest
from support.deployments import accept, session_of
from support.local_cloud import Cloud

from local_aws.server import LocalAws
from pipeline.project import Project
from scripts.aws.stacks import Event, Stack
from scripts.deploy.deployment import DeploymentError, deploy, read_outputs


@pytest.fixture
def session(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    return session_of(local_aws, monkeypatch)


def test_a_project_that_is_not_deployed_says_what_to_do(session: boto3.Session) -> None:
    other = Project("nobody", "123456789012", "eu-west-1")

    with pytest.raises(DeploymentError, match=r"nobody-service .* Run `bankruptcy deploy` first"):
        read_outputs(session.client("cloudformation"), other)


def test_unknown_and_forbidden_settings_are_refused(session: boto3.Session) -> None:
    project = Project("mistaken", "123456789012", "eu-west-1")
    with pytest.raises(DeploymentError, match=r"has no parameter Colour\. It has: PowertoolsVersion, "):
        deploy(session, project, confirm=accept, parameters={"Colour": "red"})
    with pytest.raises(DeploymentError, match="A serverless endpoint has no instances"):
        deploy(
            session,
            project,
            confirm=accept,
            parameters={"EndpointMode": "serverless", "MaxInstances": "2"},
        )
    with pytest.raises(DeploymentError, match="MinInstances is 2 and MaxInstances 1; MaxInst"):
        deploy(session, project, confirm=accept, parameters={"MinInstances": "2"})
    with pytest.raises(DeploymentError, match="'LogRetentionDays' failed to satisfy constraint"):
        deploy(session, project, confirm=accept, parameters={"LogRetentionDays": "2"})


def test_what_a_failed_creation_left_is_cleared_away(session: boto3.Session, cloud: Cloud) -> None:
    # GIVEN a stack that can't be created, for there is already a queue of that name
    url = cloud.sqs.create_queue(QueueName="taken")["QueueUrl"]
    body = json.dumps(
        {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}}}
    )
    events: list[Event] = []
    stack = Stack(session.client("cloudformation"), "lonely", events.append)
    with pytest.raises(DeploymentError, match=r"Queue \(AWS::SQS::Queue\) failed: .*taken"):
        stack.apply({"TemplateBody": body}, {}, [], tags={}, confirm=accept)

    # WHEN the cause is gone and it is tried again, THEN it works, and then has nothing to do
    cloud.sqs.delete_queue(QueueUrl=url)
    assert stack.apply({"TemplateBody": body}, {}, [], tags={}, confirm=accept) == "created"
    assert stack.apply({"TemplateBody": body}, {}, [], tags={}, confirm=accept) == "unchanged"
    assert [e.status for e in events if e.subject == "Queue"][-1] == "CREATE_COMPLETE"
    assert stack.delete()
    assert not stack.delete()
