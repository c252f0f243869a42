"""CloudFormation on local AWS: stacks are created, updated, rolled back and deleted through boto3."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}
PARAMETER = {
    "Type": "AWS::SSM::Parameter",
    "Properties": {"Name": "/p", "Type": "String", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
}


class Stacks:
    """Helpers for stacks with small templates."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.api = cloud.cloudformation

    @staticmethod
    def body(resources: dict[str, Any], **sections: Any) -> str:
        name = {"Name": {"Type": "String", "Default": "first"}}
        return json.dumps({"Resources": resources, "Parameters": name, **sections})

    def create(self, resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
        self.api.create_stack(StackName="s", TemplateBody=self.body(resources, **sections))
        return self.wait()

    def update(self, resources: dict[str, Any], name: str = "first", **sections: Any) -> dict[str, Any]:
        self.api.update_stack(
            StackName="s",
            TemplateBody=self.body(resources, **sections),
            Parameters=[{"ParameterKey": "Name", "ParameterValue": name}],
        )
        return self.wait()

    def wait(self, name: str = "s") -> dict[str, Any]:
        for _ in range(400):
            stack: dict[str, Any] = self.api.describe_stacks(StackName=name)["Stacks"][0]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return stack
            time.sleep(0.02)
        raise TimeoutError(name)

    def events(self, name: str = "s") -> list[tuple[str, str, str]]:
        found = self.api.describe_stack_events(StackName=name)["StackEvents"][::-1]
        return [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in found
        ]


@pytest.fixture
def stacks(local_aws: LocalAws) -> Iterator[Stacks]:
    cloud = Cloud(local_aws)
    yield Stacks(cloud)
    cloud.close()


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    answer = error.value.response["Error"]
    return answer["Code"], answer["Message"]


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


def test_an_unknown_type_is_rejected_before_anything_is_created(stacks: Stacks) -> None:
    with pytest.raises(ClientError) as error:
        stacks.create({"Queue": QUEUE, "Odd": {"Type": "AWS::Odd::Thing"}})

    code, message = refusal(error)
    assert code == "ValidationError"
    assert "Unrecognized resource types: [AWS::Odd::Thing]" in message
    assert stacks.api.describe_stacks()["Stacks"] == []


@pytest.mark.parametrize(
    ("resources", "sections", "message"),
    [
        ({"Q": {**QUEUE, "DependsOn": "R"}, "R": {**QUEUE, "DependsOn": "Q"}}, {}, "Circular dependency"),
        (
            {"Parameter": PARAMETER},
            {},
            "Unresolved resource dependencies [Queue] in the Resources block of the template",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "String"}}},
            "Parameters: [Name] must have values",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "String", "Default": "x", "AllowedValues": ["a", "b"]}}},
            "Parameter 'Name' failed to satisfy constraint: must be one of AllowedValues [a, b]",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "String", "Default": "x", "AllowedPattern": "[0-9]+"}}},
            "must match pattern [0-9]+",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "Number", "Default": 7, "MaxValue": 5}}},
            "must be a number not greater than 5",
        ),
        (
            {"Queue": QUEUE},
            {
                "Rules": {
                    "R": {
                        "Assertions": [
                            {"Assert": {"Fn::Equals": [{"Ref": "Name"}, "x"]}, "AssertDescription": "Use x."}
                        ]
                    }
                }
            },
            "Rule R failed: Use x.",
        ),
        ({"Queue": {**QUEUE, "Condition": "No"}}, {}, "Unresolved condition No"),
    ],
)
def test_an_invalid_template_is_rejected(
    stacks: Stacks, resources: dict[str, Any], sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError) as error:
        stacks.create(resources, **sections)

    assert refusal(error)[0] == "ValidationError"
    assert message in refusal(error)[1]


def test_roles_need_a_capability(stacks: Stacks) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}

    with pytest.raises(ClientError) as error:
        stacks.create({"Role": role})

    assert refusal(error) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")


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


def test_unsupported_parameters_of_a_request_are_rejected_by_name(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="Local AWS does not implement OnFailure of CreateStack"):
        stacks.api.create_stack(
            StackName="s", TemplateBody=stacks.body({"Queue": QUEUE}), OnFailure="DO_NOTHING"
        )


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
