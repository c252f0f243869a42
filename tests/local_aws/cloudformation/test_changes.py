"""Updates, change sets and deletions of stacks."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET
from support.local_aws.functions import zipped
from support.local_aws.stacks import PARAMETER, QUEUE, Stacks, refusal


def test_an_update_changes_replaces_adds_and_deletes_resources(stacks: Stacks) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
    stacks.create({"Queue": QUEUE, "Parameter": PARAMETER, "Topic": topic})

    # WHEN the queue's name changes (replacement), the topic is removed and a log group is added
    logs = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/l", "RetentionInDays": 3}}
    stack = stacks.update({"Queue": QUEUE, "Parameter": PARAMETER, "Logs": logs}, name="second")

    # THEN the parameter that depends on the queue is updated
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.cloud.ssm.get_parameter(Name="/p")["Parameter"]["Value"].endswith(":second")
    assert [q.rpartition("/")[2] for q in stacks.cloud.sqs.list_queues()["QueueUrls"]] == ["second"]
    assert stacks.cloud.sns.list_topics()["Topics"] == []
    assert stacks.cloud.logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 3
    listed = stacks.api.list_stack_resources(StackName="s")["StackResourceSummaries"]
    assert {r["LogicalResourceId"]: r["ResourceStatus"] for r in listed} == {
        "Queue": "CREATE_COMPLETE",
        "Parameter": "UPDATE_COMPLETE",
        "Logs": "CREATE_COMPLETE",
    }


def test_a_failed_update_is_rolled_back(stacks: Stacks) -> None:
    stacks.create({"Queue": QUEUE, "Parameter": PARAMETER})
    stacks.cloud.logs.create_log_group(logGroupName="/taken")

    # WHEN an update renames the queue and then fails
    logs = {
        "Type": "AWS::Logs::LogGroup",
        "DependsOn": "Parameter",
        "Properties": {"LogGroupName": "/taken"},
    }
    stack = stacks.update({"Queue": QUEUE, "Parameter": PARAMETER, "Logs": logs}, name="second")

    # THEN queue and parameter are unchanged, and the stack can be updated again
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert [q.rpartition("/")[2] for q in stacks.cloud.sqs.list_queues()["QueueUrls"]] == ["first"]
    assert stacks.cloud.ssm.get_parameter(Name="/p")["Parameter"]["Value"].endswith(":first")
    assert stacks.update({"Queue": QUEUE}, name="third")["StackStatus"] == "UPDATE_COMPLETE"


def test_an_update_without_changes_is_rejected(stacks: Stacks) -> None:
    stacks.create({"Queue": QUEUE})

    with pytest.raises(ClientError) as error:
        stacks.update({"Queue": QUEUE})

    assert refusal(error) == ("ValidationError", "No updates are to be performed.")


def test_a_function_gets_its_log_group_and_the_default_back(stacks: Stacks) -> None:
    stacks.cloud.make_bucket()
    stacks.cloud.put("code.zip", zipped({"a.py": "def handler(event, context): pass"}))
    role = stacks.cloud.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
    properties = {
        "FunctionName": "f",
        "Role": role["Arn"],
        "Runtime": "python3.13",
        "Handler": "a.handler",
        "Code": {"S3Bucket": BUCKET, "S3Key": "code.zip"},
    }
    kind = "AWS::Lambda::Function"

    def log_group() -> str:
        functions = getattr(stacks.cloud, "lambda")
        found = functions.get_function_configuration(FunctionName="f")["LoggingConfig"]["LogGroup"]
        return str(found)

    chosen = {**properties, "LoggingConfig": {"LogGroup": "/chosen"}}
    stack = stacks.create({"Function": {"Type": kind, "Properties": chosen}})
    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.events()
    assert log_group() == "/chosen"
    stacks.update({"Function": {"Type": kind, "Properties": properties}})
    assert log_group() == "/aws/lambda/f"


def test_log_groups_and_topics_get_a_key_and_lose_it(stacks: Stacks) -> None:
    def resources(**key: str) -> dict[str, Any]:
        group = {"LogGroupName": "g", **({"KmsKeyId": key["key"]} if key else {})}
        topic = {"TopicName": "t", **({"KmsMasterKeyId": key["key"]} if key else {})}
        return {
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": group},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": topic},
        }

    def keys() -> tuple[str | None, str | None]:
        (group,) = stacks.cloud.logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"]
        topic = f"arn:aws:sns:{stacks.cloud.aws.region}:123456789012:t"
        attributes = stacks.cloud.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        return group.get("kmsKeyId"), attributes.get("KmsMasterKeyId")

    arn = "arn:aws:kms:eu-west-1:123456789012:key/"
    stacks.create(resources(key=f"{arn}1"))
    assert keys() == (f"{arn}1", f"{arn}1")
    stacks.update(resources(key=f"{arn}2"))
    assert keys() == (f"{arn}2", f"{arn}2")
    stacks.update(resources())
    assert keys() == (None, None)


def test_a_change_set_shows_replacements_and_changes_nothing_until_it_is_executed(stacks: Stacks) -> None:
    stacks.create({"Queue": QUEUE, "Parameter": PARAMETER})

    request: dict[str, Any] = {
        "StackName": "s",
        "ChangeSetName": "c",
        "ClientToken": "t",
        "UsePreviousTemplate": True,
        "Parameters": [{"ParameterKey": "Name", "ParameterValue": "second"}],
    }
    first, again = (stacks.api.create_change_set(**request) for _ in range(2))
    assert first["Id"] == again["Id"]
    with pytest.raises(ClientError, match="ChangeSet c already exists"):
        stacks.api.create_change_set(**{**request, "ClientToken": "another"})
    described = stacks.api.describe_change_set(StackName="s", ChangeSetName="c")

    changes = {
        c["ResourceChange"]["LogicalResourceId"]: (
            c["ResourceChange"]["Action"],
            c["ResourceChange"]["Replacement"],
        )
        for c in described["Changes"]
    }
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert changes == {"Queue": ("Modify", "True"), "Parameter": ("Modify", "False")}
    assert [q.rpartition("/")[2] for q in stacks.cloud.sqs.list_queues()["QueueUrls"]] == ["first"]
    # AND the same request can be sent again, in case the answer was lost
    for _ in range(2):
        stacks.api.execute_change_set(StackName="s", ChangeSetName="c", ClientRequestToken="t")
    assert stacks.wait()["StackStatus"] == "UPDATE_COMPLETE"
    assert [q.rpartition("/")[2] for q in stacks.cloud.sqs.list_queues()["QueueUrls"]] == ["second"]


def test_a_change_set_without_changes_fails(stacks: Stacks) -> None:
    stacks.create({"Queue": QUEUE})

    stacks.api.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=stacks.body({"Queue": QUEUE}))
    described = stacks.api.describe_change_set(StackName="s", ChangeSetName="c")

    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert described["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(stacks.api.exceptions.InvalidChangeSetStatusException):
        stacks.api.execute_change_set(StackName="s", ChangeSetName="c")


def test_deleting_a_stack_keeps_only_retained_resources(stacks: Stacks) -> None:
    topic = {
        "Type": "AWS::SNS::Topic",
        "DeletionPolicy": "Retain",
        "Properties": {"TopicName": "t"},
    }
    identifier = stacks.create({"Queue": QUEUE, "Topic": topic})["StackId"]
    stacks.cloud.sqs.delete_queue(QueueUrl=stacks.cloud.sqs.get_queue_url(QueueName="first")["QueueUrl"])

    # WHEN the stack is deleted after one of its resources
    stacks.api.delete_stack(StackName="s")

    # THEN it can only be found by its id
    assert stacks.wait(identifier)["StackStatus"] == "DELETE_COMPLETE"
    assert len(stacks.cloud.sns.list_topics()["Topics"]) == 1
    with pytest.raises(ClientError, match="Stack with id s does not exist"):
        stacks.api.describe_stacks(StackName="s")
    stacks.api.delete_stack(StackName="s")


def test_a_deletion_that_failed_can_be_repeated(stacks: Stacks) -> None:
    stacks.create({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}})
    stacks.cloud.s3.put_object(Bucket="full", Key="k", Body=b"x")

    stacks.api.delete_stack(StackName="s")
    stack = stacks.wait()

    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Bucket]."
    stacks.cloud.s3.delete_object(Bucket="full", Key="k")
    stacks.api.delete_stack(StackName="s")
    for _ in range(200):
        if not stacks.api.describe_stacks()["Stacks"]:
            break
        time.sleep(0.02)
    assert stacks.cloud.s3.list_buckets()["Buckets"] == []
