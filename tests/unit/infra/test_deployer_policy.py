"""The deployer's policies allow every AWS call that the command line makes, and little else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import botocore.session
import pytest
from botocore import xform_name
from support.permissions.people import PEOPLE, policies_of, statements_of
from support.permissions.policy import (
    ROOT,
    actions_of,
    allows,
    denied,
    handler_actions,
    listed,
    resource_types,
    statements,
)
from support.permissions.service_authorization import obstacles

SERVICES = (
    "apigateway",
    "cloudformation",
    "cloudwatch",
    "events",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sqs",
    "ssm",
    "sts",
)
# Also methods of regular expressions and of Jinja; the operations of AWS are never called.
NO_CALLS = {"get_template", "search"}

# Permissions of CloudFormation's handlers for features that the templates do not use.
NOT_USED = {
    "functions in a VPC": ("ec2:*", "elasticfilesystem:*", "s3files:*"),
    "keys for variables of functions": ("kms:*",),
    "code signing, concurrency, versions, runtimes": (
        "lambda:*CodeSigningConfig",
        "lambda:*FunctionConcurrency",
        "lambda:AssociateRuntimeAlias",
        "lambda:PassCapacityProvider",
        "lambda:PublishVersion",
        "lambda:Put*RecursionConfig",
        "lambda:Put*RuntimeManagementConfig",
        "lambda:Put*ScalingConfig",
    ),
    "policies on log groups, deliveries": (
        "logs:*BearerTokenAuthentication",
        "logs:*LogDelivery",
        "logs:*LogGroupDeletionProtection",
        "logs:Delete*Policy",
        "logs:PutDataProtectionPolicy",
        "logs:PutIndexPolicy",
        "logs:PutResourcePolicy",
        "s3:REST.PUT.OBJECT",
    ),
    "encryption of a stream by itself, not by its bucket": ("firehose:*Encryption",),
    "managed policies and boundaries": ("iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:*Boundary"),
    "policies on group, topic and API": (
        "apigateway:UpdateRestApiPolicy",
        "sagemaker:*ModelPackageGroupPolicy",
        "sns:PutDataProtectionPolicy",
    ),
    "settings of a subscription": ("sns:SetSubscriptionAttributes",),
    "other settings of a bucket": (
        "s3:*Abac",
        "s3:*Accelerate*",
        "s3:*Acl",
        "s3:*Analytics*",
        "s3:*CORS",
        "s3:*Cors",
        "s3:*IntelligentTiering*",
        "s3:*Inventory*",
        "s3:*Logging",
        "s3:*Metadata*",
        "s3:*Metrics*",
        "s3:*ObjectLock*",
        "s3:*Replication*",
        "s3:*Website",
        "s3:DeleteBucketEncryption",
        "s3:DeleteBucketLifecycle",
        "s3tables:*",
    ),
}


def called_operations() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield each client call with the operations that its name can mean."""
    known: dict[str, list[tuple[str, str, str]]] = {}
    session = botocore.session.get_session()
    for service in SERVICES:
        model = session.get_service_model(service)
        for operation in model.operation_names:
            method = str(model.operation_model(operation).http["method"])
            known.setdefault(xform_name(operation), []).append((service, operation, method))
    for path in [*sorted((ROOT / "scripts").rglob("*.py")), *sorted((ROOT / "pipeline").glob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            if name == "get_paginator" and isinstance(node.args[0], ast.Constant):
                name = str(node.args[0].value)
            if name in known and name not in NO_CALLS:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {name}", known[name]


def test_every_call_in_the_source_is_allowed() -> None:
    # GIVEN every client method that the source calls
    calls = dict(called_operations())
    # THEN the policies allow it, at least for one of the services with that operation
    missing = [
        place
        for place, operations in calls.items()
        if all(denied(actions_of(*operation)) for operation in operations)
    ]
    assert not missing
    # AND the calls include known ones
    found = " ".join(calls)
    for name in ("create_change_set", "invoke", "describe_alarms", "list_pipelines", "put_parameter"):
        assert f" {name}" in found


@pytest.mark.parametrize("kind", resource_types())
def test_the_deployer_has_the_permissions_that_the_templates_need(kind: str) -> None:
    # GIVEN the permissions that CloudFormation's handlers need from the caller
    asked = handler_actions(kind)
    unused = [pattern for patterns in NOT_USED.values() for pattern in patterns]
    # THEN all are allowed, except those for features that the templates do not use
    needed = {action for action in asked if not any(fnmatchcase(action, pattern) for pattern in unused)}
    assert denied(needed) == []


@pytest.mark.parametrize("person", PEOPLE)
def test_every_action_is_allowed_on_a_resource_that_it_takes(person: str) -> None:
    assert [problem for statement in statements_of(person) for problem in obstacles(statement)] == []


def test_only_known_statements_allow_all_resources() -> None:
    # Actions that IAM cannot restrict to a resource.
    stars = {
        action
        for statement in statements()
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert stars == {
        "cloudwatch:DescribeAlarms",
        "logs:DescribeIndexPolicies",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "pricing:GetProducts",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListModelPackages",
        "sagemaker:ListModels",
        "sagemaker:ListPipelines",
        "sns:GetSubscriptionAttributes",
        "sns:Unsubscribe",
    }


def test_wildcards_in_actions_are_only_for_reading() -> None:
    patterns = {
        action for statement in statements() for action in listed(statement["Action"]) if "*" in action
    }
    reads = re.compile(r"[a-z0-9]+:(Get|List|Describe)\w*\*")
    assert [action for action in patterns if not reads.fullmatch(action)] == []


def test_roles_are_only_passed_to_the_services_that_need_them() -> None:
    passing = [statement for statement in statements() if "iam:PassRole" in listed(statement["Action"])]
    assert [statement["Condition"] for statement in passing] == [
        {
            "StringEquals": {
                "iam:PassedToService": [
                    "apigateway.amazonaws.com",
                    "firehose.amazonaws.com",
                    "lambda.amazonaws.com",
                    "sagemaker.amazonaws.com",
                ]
            }
        }
    ]


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        (
            "cloudformation:ExecuteChangeSet",
            "arn:aws:cloudformation:eu-west-1:1:stack/bankruptcy-service/x",
            True,
        ),
        ("cloudformation:DeleteStack", "arn:aws:cloudformation:eu-west-1:1:stack/payroll/x", False),
        ("s3:PutObject", "arn:aws:s3:::bankruptcy-123456789012-eu-west-1/data/x/data.csv", True),
        ("s3:GetObject", "arn:aws:s3:::payroll/salaries.csv", False),
        ("sagemaker:DeleteEndpoint", "arn:aws:sagemaker:eu-west-1:1:endpoint/bankruptcy", True),
        ("sagemaker:DeleteEndpoint", "arn:aws:sagemaker:eu-west-1:1:endpoint/other", False),
        ("iam:PutRolePolicy", "arn:aws:iam::1:role/bankruptcy-service-JobRole-ABC", True),
        ("iam:PutRolePolicy", "arn:aws:iam::1:role/Admin", False),
        ("iam:PassRole", "arn:aws:iam::1:role/Admin", False),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:1:function:bankruptcy-deploy-model", True),
        ("ssm:GetParameters", "arn:aws:ssm:eu-west-1::parameter/aws/service/powertools/x", True),
        ("ssm:PutParameter", "arn:aws:ssm:eu-west-1::parameter/aws/service/powertools/x", False),
    ],
)
def test_resources_of_other_projects_are_denied(action: str, resource: str, expected: bool) -> None:
    assert allows(action, resource) is expected


@pytest.mark.parametrize("person", PEOPLE)
def test_each_policy_fits_into_a_managed_policy(person: str) -> None:
    paths = policies_of(person)
    assert paths
    # IAM does not count white space.
    assert [path.name for path in paths if len(re.sub(r"\s", "", path.read_text())) > 6144] == []
