"""Lists the resources in an account, from the API of each service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

# Kind of resource, service, operation, key of the list in the answer, and the name of an item.
_LISTS: list[tuple[str, str, str, str, Callable[[Any], str]]] = [
    ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", lambda x: x["AlarmName"]),
    ("API", "apigateway", "get_rest_apis", "items", lambda x: x["name"]),
    ("API key", "apigateway", "get_api_keys", "items", lambda x: x["name"]),
    ("bucket", "s3", "list_buckets", "Buckets", lambda x: x["Name"]),
    ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", lambda x: x["DashboardName"]),
    ("endpoint", "sagemaker", "list_endpoints", "Endpoints", lambda x: x["EndpointName"]),
    ("config", "sagemaker", "list_endpoint_configs", "EndpointConfigs", lambda x: x["EndpointConfigName"]),
    ("function", "lambda", "list_functions", "Functions", lambda x: x["FunctionName"]),
    ("log group", "logs", "describe_log_groups", "logGroups", lambda x: x["logGroupName"]),
    ("model", "sagemaker", "list_models", "Models", lambda x: x["ModelName"]),
    ("parameter", "ssm", "describe_parameters", "Parameters", lambda x: x["Name"]),
    ("pipeline", "sagemaker", "list_pipelines", "PipelineSummaries", lambda x: x["PipelineName"]),
    ("queue", "sqs", "list_queues", "QueueUrls", lambda x: x.rpartition("/")[2]),
    ("role", "iam", "list_roles", "Roles", lambda x: x["RoleName"]),
    ("rule", "events", "list_rules", "Rules", lambda x: f"{x['Name']} {x['State']}"),
    ("stack", "cloudformation", "describe_stacks", "Stacks", lambda x: x["StackName"]),
    ("subscription", "sns", "list_subscriptions", "Subscriptions", lambda x: x["Endpoint"]),
    ("topic", "sns", "list_topics", "Topics", lambda x: x["TopicArn"].rpartition(":")[2]),
    ("usage plan", "apigateway", "get_usage_plans", "items", lambda x: x["name"]),
]


def inventory(client: Callable[[str], Any]) -> list[str]:
    """Return one line per resource, in alphabetical order.

    Jobs are left out, as AWS keeps their history.

    Parameters
    ----------
    client
        Returns a client of a service.
    """
    targets = _all(
        client("application-autoscaling"),
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    )
    scaled = [f"scalable target {target['ResourceId']}" for target in targets]
    return sorted([*_lists(client), *_packages(client("sagemaker")), *scaled])


def _lists(client: Callable[[str], Any]) -> Iterator[str]:
    for kind, service, operation, items, name in _LISTS:
        for item in _all(client(service), operation, items):
            yield f"{kind} {name(item)}"


def _packages(sagemaker: Any) -> Iterator[str]:
    for group in _all(sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList"):
        name = group["ModelPackageGroupName"]
        yield f"model package group {name}"
        for package in _all(
            sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=name
        ):
            yield f"model package {name} {package['ModelPackageVersion']} {package['ModelApprovalStatus']}"


def _all(client: Any, operation: str, items: str, **request: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**request):
        yield from page.get(items, [])
