"""Stacks are created in order, or rolled back with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.stacks import PARAMETER, QUEUE, Stacks, refusal


def test_resources_are_created_in_order_and_outputs_refer_to_them(stacks: Stacks) -> None:
    stack = stacks.create(
        {"Parameter": PARAMETER, "Queue": QUEUE},
        Outputs={
            "Url": {"Value": {"Ref": "Queue"}},
            "Text": {"Value": {"Fn::Sub": "${Queue.QueueName} in ${AWS::Region}, ${!Literal}"}},
        },
    )

    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert outputs["Url"].endswith("/123456789012/first")
    assert outputs["Text"] == "first in eu-west-1, ${Literal}"
    value = stacks.cloud.ssm.get_parameter(Name="/p")["Parameter"]["Value"]
    assert value == "arn:aws:sqs:eu-west-1:123456789012:first"
    done = [name for name, status, _ in stacks.events() if status == "CREATE_COMPLETE"]
    assert done == ["Queue", "Parameter", "s"]


def test_resources_get_the_tags_of_their_stack(stacks: Stacks) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "tagged"}}
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "tagged"}}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "tagged"}}
    resources = {"Bucket": bucket, "Queue": QUEUE, "Group": group, "Topic": topic, "Parameter": PARAMETER}
    body = stacks.body(resources)
    stacks.api.create_stack(StackName="s", TemplateBody=body, Tags=[{"Key": "Project", "Value": "risk"}])
    assert stacks.wait()["StackStatus"] == "CREATE_COMPLETE", stacks.events()

    cloud, pair = stacks.cloud, [{"Key": "Project", "Value": "risk"}]
    account = f"{cloud.aws.region}:123456789012"
    queue = cloud.sqs.get_queue_url(QueueName="first")["QueueUrl"]
    assert cloud.s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == pair
    assert cloud.sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"Project": "risk"}
    arn = f"arn:aws:logs:{account}:log-group:tagged"
    assert cloud.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"Project": "risk"}
    assert cloud.sns.list_tags_for_resource(ResourceArn=f"arn:aws:sns:{account}:tagged")["Tags"] == pair
    listed = cloud.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/p")
    assert listed["TagList"] == pair


def test_a_new_alarm_has_insufficient_data(stacks: Stacks) -> None:
    metric = {"MetricName": "Errors", "Namespace": "N", "Period": 60, "Statistic": "Sum"}
    rule = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 0}
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "errors", **metric, **rule}}
    stacks.create({"Alarm": alarm})
    (found,) = stacks.cloud.cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
    assert found["StateValue"] == "INSUFFICIENT_DATA"


def test_a_budget_is_made_changed_and_deleted(stacks: Stacks) -> None:
    budgets = stacks.cloud.budgets

    def resource(amount: str) -> dict[str, Any]:
        limit = {"Amount": amount, "Unit": "USD"}
        budget = {"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
        return {"Budget": {"Type": "AWS::Budgets::Budget", "Properties": {"Budget": budget}}}

    stacks.create({**resource("10"), "Queue": QUEUE}, Outputs={"Name": {"Value": {"Ref": "Budget"}}})
    assert stacks.update({**resource("25.5"), "Queue": QUEUE})["StackStatus"] == "UPDATE_COMPLETE"
    [found] = budgets.describe_budgets(AccountId="123456789012")["Budgets"]
    assert (found["BudgetName"], found["BudgetLimit"]) == ("b", {"Amount": "25.5", "Unit": "USD"})
    stacks.update({"Queue": QUEUE})
    assert budgets.describe_budgets(AccountId="123456789012")["Budgets"] == []


def test_conditions_omit_resources_and_properties(stacks: Stacks) -> None:
    stack = stacks.create(
        {
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "QueueName": "q",
                    "VisibilityTimeout": {"Fn::If": ["Yes", 7, {"Ref": "AWS::NoValue"}]},
                    "MessageRetentionPeriod": {"Fn::If": ["No", 60, {"Ref": "AWS::NoValue"}]},
                },
            },
            "Other": {**QUEUE, "Condition": "No"},
        },
        Conditions={
            "Yes": {"Fn::Equals": [{"Ref": "Name"}, "first"]},
            "No": {"Fn::Not": [{"Condition": "Yes"}]},
        },
        Outputs={"Other": {"Condition": "No", "Value": {"Ref": "Other"}}},
    )

    url = stacks.cloud.sqs.get_queue_url(QueueName="q")["QueueUrl"]
    attributes = stacks.cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "7"
    assert attributes["MessageRetentionPeriod"] == "345600"
    assert [q.rpartition("/")[2] for q in stacks.cloud.sqs.list_queues()["QueueUrls"]] == ["q"]
    assert "Outputs" not in stack or stack["Outputs"] == []


def test_a_failed_creation_is_rolled_back_and_its_events_give_the_reason(stacks: Stacks) -> None:
    # GIVEN a parameter with the name that the template uses
    stacks.cloud.ssm.put_parameter(Name="/p", Type="String", Value="mine")

    # WHEN the stack is created
    stack = stacks.create({"Queue": QUEUE, "Parameter": PARAMETER})

    # THEN its queue is deleted, the parameter is unchanged, and an event gives the reason
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "QueueUrls" not in stacks.cloud.sqs.list_queues()
    assert stacks.cloud.ssm.get_parameter(Name="/p")["Parameter"]["Value"] == "mine"
    failed = [(name, reason) for name, status, reason in stacks.events() if status == "CREATE_FAILED"]
    assert failed[0][0] == "Parameter"
    assert "already exists" in failed[0][1]
    # AND the stack cannot be updated
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.update({"Queue": QUEUE})


def test_a_half_created_resource_is_deleted_too(stacks: Stacks) -> None:
    # GIVEN a role with a policy that IAM rejects after the role is created
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "a"}, "Action": "sts:AssumeRole"}]}
    policy = {
        "PolicyName": "p",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Yes"}]},
    }
    role = {"RoleName": "r", "AssumeRolePolicyDocument": trust, "Policies": [policy]}
    resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}

    stacks.api.create_stack(
        StackName="s", TemplateBody=stacks.body(resources), Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    assert stacks.wait()["StackStatus"] == "ROLLBACK_COMPLETE"
    (reason,) = (reason for _, status, reason in stacks.events() if status == "CREATE_FAILED")
    assert "MalformedPolicyDocument" in reason
    assert stacks.cloud.iam.list_roles()["Roles"] == []


def test_an_unsupported_property_fails_its_resource_and_is_named(stacks: Stacks) -> None:
    stack = stacks.create({"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}})

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = [reason for name, status, reason in stacks.events() if status == "CREATE_FAILED"]
    assert "Encountered unsupported property Colour of AWS::SQS::Queue" in reasons[0]


def test_a_malformed_property_fails_its_resource_and_the_stack(stacks: Stacks) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {}, "Policies": [{"PolicyDocument": {}}]},
    }
    stacks.api.create_stack(
        StackName="s", TemplateBody=stacks.body({"Role": role}), Capabilities=["CAPABILITY_IAM"]
    )
    assert stacks.wait()["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = "A property is malformed: KeyError('PolicyName')"
    assert ("Role", "CREATE_FAILED", reason) in stacks.events()


def test_events_come_in_pages_newest_first(stacks: Stacks) -> None:
    parameters = {
        f"P{number}": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": f"/p/{number}", "Type": "String", "Value": "x"},
        }
        for number in range(20)
    }
    stacks.create(parameters)
    pages = [*stacks.api.get_paginator("describe_stack_events").paginate(StackName="s")]
    events = [event for page in pages for event in page["StackEvents"]]

    assert [len(page["StackEvents"]) for page in pages] == [25, len(events) - 25]
    assert len({event["EventId"] for event in events}) == len(events)
    completed = [event for event in events if event["ResourceStatus"] == "CREATE_COMPLETE"]
    assert {event["LogicalResourceId"] for event in completed} == {*parameters, "s"}
    assert [event["Timestamp"] for event in events] == sorted(
        (event["Timestamp"] for event in events), reverse=True
    )
    with pytest.raises(ClientError) as error:
        stacks.api.describe_stack_events(StackName="s", NextToken="absent")
    assert refusal(error) == ("ValidationError", "Invalid NextToken: absent")
