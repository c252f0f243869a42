"""Maps the command line's API calls to IAM actions, and checks them against the deployer's policies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from support.permissions.people import statements_of
from support.permissions.service_authorization import obstacle
from support.repository import ROOT

TEMPLATES = (ROOT / "infra" / "storage.yaml", ROOT / "infra" / "service.yaml")

# Operations whose action has another name, or that need several actions.
_OTHER = {
    ("apigateway", "UpdateAccount"): ("apigateway:PATCH", "iam:PassRole"),
    ("lambda", "Invoke"): ("lambda:InvokeFunction",),
    ("s3", "DeleteObjects"): ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "HeadObject"): ("s3:GetObject",),
    ("s3", "ListObjectVersions"): ("s3:ListBucketVersions",),
    ("s3", "ListObjectsV2"): ("s3:ListBucket",),
    ("sagemaker", "CreatePipeline"): ("sagemaker:CreatePipeline", "sagemaker:AddTags", "iam:PassRole"),
    ("sagemaker", "DeleteEndpoint"): (
        "sagemaker:DeleteEndpoint",
        # SageMaker deregisters a scaling endpoint with the caller's permissions.
        "application-autoscaling:DeregisterScalableTarget",
    ),
    ("sagemaker", "UpdatePipeline"): ("sagemaker:UpdatePipeline", "iam:PassRole"),
    # This call needs no permission.
    ("sts", "GetCallerIdentity"): (),
}


def actions_of(service: str, operation: str, http_method: str) -> tuple[str, ...]:
    """Return the IAM actions that an operation needs."""
    if (service, operation) in _OTHER:
        return _OTHER[service, operation]
    # API Gateway's actions are HTTP methods.
    return (f"{service}:{http_method if service == 'apigateway' else operation}",)


def statements() -> list[dict[str, Any]]:
    return statements_of("deployer")


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allows(action: str, resource: str | None = None) -> bool:
    """Return whether the policies allow an action, on one resource or on any."""
    return any(
        any(fnmatchcase(action.lower(), allowed.lower()) for allowed in listed(statement["Action"]))
        and obstacle(action, statement) is None
        and (resource is None or any(fnmatchcase(resource, arn) for arn in listed(statement["Resource"])))
        for statement in statements()
    )


def denied(actions: Iterable[str]) -> list[str]:
    """Return the actions that the policies do not allow."""
    return sorted({action for action in actions if not allows(action)})


def resource_types() -> list[str]:
    """Return the types of resources in the templates."""
    text = "".join(path.read_text() for path in TEMPLATES)
    return sorted(set(re.findall(r"^    Type: (AWS::\w+::\w+)$", text, re.MULTILINE)))


def handler_actions(kind: str) -> set[str]:
    """Return the actions that CloudFormation needs from its caller for a type of resource."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    return {
        action
        for name, handler in handlers.items()
        if name in {"create", "read", "update", "delete"}
        for action in handler["permissions"]
    }
