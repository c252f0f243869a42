"""The table of permissions agrees with AWS's reference, and requests are mapped to the right ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from support.permissions.service_authorization import REFERENCE
from werkzeug.test import EnvironBuilder

from local_aws.iam.actions import ACTIONS, RESOURCES, TAGGING, UnmappedError, needs_of
from local_aws.iam.api import operation_of
from local_aws.iam.operations import Operation, UnknownOperationError, route, signature_of

ROLE = "arn:aws:iam::123456789012:role/r"
ACCOUNT = "eu-west-1:123456789012"
# The reference names a resource for these; restricting them to one has no use.
UNRESTRICTED = {"sagemaker:ListModelPackages"}


def entries() -> Iterator[tuple[str, str, str]]:
    """Yield service, action and resource template of each entry in the table."""
    for service, templates in RESOURCES.items():
        for template, names in templates.items():
            for name in names.split():
                namespace = service.removesuffix("-runtime")
                action = f"{namespace}:{ACTIONS.get(service, {}).get(name, name)}"
                yield service, action, template


@pytest.mark.parametrize(("service", "action", "template"), list(entries()))
def test_an_entry_agrees_with_the_reference(service: str, action: str, template: str) -> None:
    # GIVEN the ends of the ARNs of an action's resources, as patterns
    forms = [form.split(":", 5)[5] for form in REFERENCE[action]["resources"]]
    patterns = [re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(form)) for form in forms]
    # THEN the table names one of them
    if template == "*":
        assert not patterns or action in UNRESTRICTED
    elif re.fullmatch(r"\{\w+(Arn|PackageName)\}", template):  # requests contain the whole ARN
        assert patterns
    else:
        end = template.split(":", 5)[5] if template.startswith("arn:") else template
        assert any(re.fullmatch(pattern, re.sub(r"\{\w+\}", "x", end)) for pattern in patterns), forms


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("application-autoscaling:scalable-dimension", "application-autoscaling:DeregisterScalableTarget"),
        ("application-autoscaling:service-namespace", "application-autoscaling:RegisterScalableTarget"),
        ("cloudwatch:namespace", "cloudwatch:PutMetricData"),
        ("iam:AWSServiceName", "iam:CreateServiceLinkedRole"),
        ("iam:PassedToService", "iam:PassRole"),
        ("s3:ResourceAccount", "s3:GetObject"),
        ("s3:prefix", "s3:ListBucket"),
        ("sagemaker:CustomerMetadataProperties/${MetadataKey}", "sagemaker:UpdateModelPackage"),
        ("sagemaker:CustomerMetadataPropertiesToRemove", "sagemaker:UpdateModelPackage"),
        ("sagemaker:ModelApprovalStatus", "sagemaker:CreateModelPackage"),
        ("sagemaker:ModelApprovalStatus", "sagemaker:UpdateModelPackage"),
    ],
)
def test_the_condition_keys_exist(key: str, action: str) -> None:
    assert key in REFERENCE[action]["keys"]


def test_actions_for_tags_exist() -> None:
    assert {f"{service}:{name}" for service, name in TAGGING.items()} <= set(REFERENCE)


def sent(service: Any, operation: str, **arguments: Any) -> Operation:
    """Send a request with boto3, and return it as local AWS reads it."""
    requests: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        requests.append(request)
        raise InterruptedError

    client = boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="AKIA",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, request_checksum_calculation="when_required"),
    )
    client.meta.events.register("before-send", keep)
    with pytest.raises(InterruptedError):
        getattr(client, operation)(**arguments)
    client.close()
    (request,) = requests
    body = request.body or b""
    body = body.read() if hasattr(body, "read") else body
    body = body.encode() if isinstance(body, str) else bytes(body)
    headers = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    environ = EnvironBuilder(
        method=request.method, path=request.url, headers=headers, data=body
    ).get_environ()
    environ["REQUEST_URI"] = request.url.removeprefix("http://127.0.0.1:1")
    signature = signature_of(environ)
    assert signature is not None
    assert (signature.access_key, signature.region) == ("AKIA", "eu-west-1")
    return operation_of(route(environ, body, signature.service), environ, body, signature.region)


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "expected"),
    [
        ("s3", "get_object", {"Bucket": "b", "Key": "a/ä b"}, ["s3:GetObject arn:aws:s3:::b/a/ä b"]),
        (
            "cloudwatch",
            "describe_alarms",
            {"AlarmNames": ["a", "b"]},
            [f"cloudwatch:DescribeAlarms arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{n}" for n in "ab"],
        ),
        (
            "cloudwatch",
            "describe_alarms",
            {"AlarmNamePrefix": "a"},
            ["cloudwatch:DescribeAlarms arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*"],
        ),
        ("s3", "head_object", {"Bucket": "b", "Key": "k"}, ["s3:GetObject arn:aws:s3:::b/k"]),
        (
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k", "VersionId": "1"},
            ["s3:GetObjectVersion arn:aws:s3:::b/k"],
        ),
        ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "p/"}, ["s3:ListBucket arn:aws:s3:::b"]),
        ("s3", "list_object_versions", {"Bucket": "b"}, ["s3:ListBucketVersions arn:aws:s3:::b"]),
        ("s3", "head_bucket", {"Bucket": "b"}, ["s3:ListBucket arn:aws:s3:::b"]),
        ("s3", "create_multipart_upload", {"Bucket": "b", "Key": "k"}, ["s3:PutObject arn:aws:s3:::b/k"]),
        (
            "s3",
            "upload_part",
            {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "u", "Body": b"x"},
            ["s3:PutObject arn:aws:s3:::b/k"],
        ),
        (
            "s3",
            "copy_object",
            {"Bucket": "b", "Key": "k", "CopySource": {"Bucket": "c", "Key": "l"}},
            ["s3:PutObject arn:aws:s3:::b/k", "s3:GetObject arn:aws:s3:::c/l"],
        ),
        (
            "s3",
            "delete_objects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l", "VersionId": "1"}]}},
            ["s3:DeleteObject arn:aws:s3:::b/k", "s3:DeleteObjectVersion arn:aws:s3:::b/l"],
        ),
        (
            "s3",
            "put_bucket_lifecycle_configuration",
            {"Bucket": "b", "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "Prefix": ""}]}},
            ["s3:PutLifecycleConfiguration arn:aws:s3:::b"],
        ),
        (
            "sagemaker",
            "create_model",
            {"ModelName": "m", "ExecutionRoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]},
            [
                f"sagemaker:CreateModel arn:aws:sagemaker:{ACCOUNT}:model/m",
                f"sagemaker:AddTags arn:aws:sagemaker:{ACCOUNT}:model/m",
                f"iam:PassRole {ROLE}",
            ],
        ),
        (
            "sagemaker",
            "update_endpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            [
                f"sagemaker:UpdateEndpoint arn:aws:sagemaker:{ACCOUNT}:endpoint/e",
                f"sagemaker:UpdateEndpoint arn:aws:sagemaker:{ACCOUNT}:endpoint-config/c",
            ],
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b"x"},
            [f"sagemaker:InvokeEndpoint arn:aws:sagemaker:{ACCOUNT}:endpoint/e"],
        ),
        (
            "iam",
            "put_role_policy",
            {"RoleName": "r", "PolicyName": "p", "PolicyDocument": "{}"},
            [f"iam:PutRolePolicy {ROLE}"],
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": f"arn:aws:lambda:{ACCOUNT}:function:f", "Payload": b"{}"},
            [f"lambda:InvokeFunction arn:aws:lambda:{ACCOUNT}:function:f"],
        ),
        (
            "lambda",
            "create_function",
            {"FunctionName": "f", "Role": ROLE, "Code": {"S3Bucket": "bkt", "S3Key": "k"}},
            [
                f"lambda:CreateFunction arn:aws:lambda:{ACCOUNT}:function:f",
                "s3:GetObject arn:aws:s3:::bkt/k",
                f"iam:PassRole {ROLE}",
            ],
        ),
        (
            "apigateway",
            "update_account",
            {"patchOperations": [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}]},
            ["apigateway:PATCH arn:aws:apigateway:eu-west-1::/account", f"iam:PassRole {ROLE}"],
        ),
        (
            "apigateway",
            "get_stages",
            {"restApiId": "abc"},
            ["apigateway:GET arn:aws:apigateway:eu-west-1::/restapis/abc/stages"],
        ),
        (
            "cloudwatch",
            "delete_alarms",
            {"AlarmNames": ["a", "b"]},
            [f"cloudwatch:DeleteAlarms arn:aws:cloudwatch:{ACCOUNT}:alarm:{name}" for name in "ab"],
        ),
        (
            "logs",
            "put_log_events",
            {"logGroupName": "/g", "logStreamName": "s/1", "logEvents": [{"timestamp": 1, "message": "x"}]},
            [f"logs:PutLogEvents arn:aws:logs:{ACCOUNT}:log-group:/g:log-stream:s/1"],
        ),
        (
            "sqs",
            "send_message",
            {"QueueUrl": "http://127.0.0.1:1/123456789012/q", "MessageBody": "x"},
            [f"sqs:SendMessage arn:aws:sqs:{ACCOUNT}:q"],
        ),
        ("sns", "create_topic", {"Name": "t"}, [f"sns:CreateTopic arn:aws:sns:{ACCOUNT}:t"]),
        ("ssm", "get_parameter", {"Name": "/p/q"}, [f"ssm:GetParameter arn:aws:ssm:{ACCOUNT}:parameter/p/q"]),
        ("sts", "get_caller_identity", {}, []),
    ],
)
def test_a_request_needs_these_permissions(
    service: str, operation: str, arguments: dict[str, Any], expected: list[str]
) -> None:
    needs = needs_of(sent(service, operation, **arguments))

    assert [f"{need.action} {need.resource}" for need in needs] == expected


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "context"),
    [
        ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "p/"}, {"s3:prefix": "p/"}),
        (
            "sagemaker",
            "update_model_package",
            {
                "ModelPackageArn": f"arn:aws:sagemaker:{ACCOUNT}:model-package/g/1",
                "ModelApprovalStatus": "Approved",
            },
            {"sagemaker:ModelApprovalStatus": "Approved"},
        ),
        (
            "sagemaker",
            "update_model_package",
            {
                "ModelPackageArn": f"arn:aws:sagemaker:{ACCOUNT}:model-package/g/1",
                "CustomerMetadataProperties": {"a": "1"},
            },
            {"sagemaker:CustomerMetadataProperties/a": "1"},
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
            {"cloudwatch:namespace": "n"},
        ),
    ],
)
def test_condition_keys_have_the_values_of_the_request(
    service: str, operation: str, arguments: dict[str, Any], context: dict[str, str]
) -> None:
    (need,) = needs_of(sent(service, operation, **arguments))

    assert context.items() <= need.context.items()


def test_an_operation_that_is_not_in_the_table_is_an_error() -> None:
    with pytest.raises(UnmappedError, match="which permissions s3:GetObjectAcl needs"):
        needs_of(sent("s3", "get_object_acl", Bucket="b", Key="k"))
    with pytest.raises(UnknownOperationError, match="sqs has no operation Explode"):
        route({"HTTP_X_AMZ_TARGET": "AmazonSQS.Explode"}, b"{}", "sqs")
    with pytest.raises(UnknownOperationError, match="There is no service nonsense"):
        route({}, b"", "nonsense")
