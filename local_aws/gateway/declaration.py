"""Reads a stage of a REST API from API Gateway: its resources, methods, keys and responses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_aws.base.clients import Clients

PAGE = 500  # API Gateway's maximum page size
_LITERAL, _PARAMETER, _GREEDY = range(3)


@dataclass(frozen=True)
class Route:
    """A resource of the API, with the path parameters of one request."""

    resource: Mapping[str, Any]
    parameters: Mapping[str, str]

    def method(self, verb: str) -> Mapping[str, Any] | None:
        """Return the method for an HTTP verb, or ANY, or None if neither is declared."""
        methods: Mapping[str, Mapping[str, Any]] = self.resource["resourceMethods"]
        return methods.get(verb) or methods.get("ANY")


@dataclass(frozen=True)
class Stage:
    """The declaration of one stage.

    Attributes
    ----------
    log_group, log_format
        The log group of the stage, and the format of its lines with variables; empty without a log.
    log_role
        ARN of the role with which API Gateway writes logs in this account; empty if there is none.
    """

    api_id: str
    api_name: str
    name: str
    variables: Mapping[str, str]
    deployment_id: str
    resources: list[Mapping[str, Any]]
    validators: Mapping[str, Mapping[str, Any]]
    gateway_responses: Mapping[str, Mapping[str, Any]]
    keys: Mapping[str, str]
    """Ids of the enabled API keys in the stage's usage plans, by key value."""
    binary_media_types: list[str]
    log_group: str
    log_format: str
    log_role: str

    def route(self, path: str) -> Route | None:
        """Find the most specific resource that has methods and matches a path."""
        segments = [segment for segment in path.split("/") if segment]
        found: list[tuple[list[int], Route]] = []
        for resource in self.resources:
            matched = _match(resource["path"], segments)
            if matched is not None:
                rank, parameters = matched
                found.append((rank, Route(resource, parameters)))
        return min(found, key=lambda candidate: candidate[0])[1] if found else None

    def is_binary(self, media_types: str) -> bool:
        """Return whether the first of these media types is declared as binary."""
        first = re.split("[,;]", media_types, maxsplit=1)[0].strip().lower()
        return "*/*" in self.binary_media_types or first in self.binary_media_types


def read_stage(clients: Clients, api_id: str, name: str) -> Stage | None:
    """Read a stage's declaration; return None if the API or the stage does not exist.

    Local AWS serves the API as it is declared now, not as it was at the last deployment of the stage.
    """
    client = clients.get("apigateway")
    try:
        api = client.get_rest_api(restApiId=api_id)
        stage = client.get_stage(restApiId=api_id, stageName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NotFoundException":
            return None
        raise
    resources = client.get_resources(restApiId=api_id, embed=["methods"], limit=PAGE)["items"]
    validators = client.get_request_validators(restApiId=api_id, limit=PAGE)["items"]
    responses = client.get_gateway_responses(restApiId=api_id, limit=PAGE)["items"]
    log = stage.get("accessLogSettings") or {}
    return Stage(
        api_id=api_id,
        api_name=api["name"],
        name=name,
        variables=stage.get("variables") or {},
        deployment_id=stage.get("deploymentId", ""),
        resources=[resource for resource in resources if resource.get("resourceMethods")],
        validators={validator["id"]: validator for validator in validators},
        gateway_responses={response["responseType"]: response for response in responses},
        keys=_keys(client, api_id, name),
        binary_media_types=[kind.lower() for kind in api.get("binaryMediaTypes") or []],
        log_group=log.get("destinationArn", "").partition(":log-group:")[2].removesuffix(":*"),
        log_format=log.get("format", ""),
        log_role=client.get_account().get("cloudwatchRoleArn") or "",
    )


def _keys(client: Any, api_id: str, stage: str) -> dict[str, str]:
    enabled = {
        key["id"]: key["value"]
        for key in client.get_api_keys(includeValues=True, limit=PAGE)["items"]
        if key.get("enabled")
    }
    usable: dict[str, str] = {}
    for plan in client.get_usage_plans(limit=PAGE)["items"]:
        stages = {(each["apiId"], each["stage"]) for each in plan.get("apiStages") or []}
        if (api_id, stage) in stages:
            for key in client.get_usage_plan_keys(usagePlanId=plan["id"], limit=PAGE)["items"]:
                if key["id"] in enabled:
                    usable[enabled[key["id"]]] = key["id"]
    return usable


def _match(pattern: str, segments: list[str]) -> tuple[list[int], dict[str, str]] | None:
    """Match a path's segments and return rank and parameters.

    A lower rank is more specific: from the left, literals come before parameters before greedy parameters.
    """
    rank: list[int] = []
    parameters: dict[str, str] = {}
    parts = [part for part in pattern.split("/") if part]
    for position, part in enumerate(parts):
        if part.startswith("{") and part.endswith("+}"):
            if position >= len(segments):
                return None
            parameters[part[1:-2]] = "/".join(segments[position:])
            return [*rank, _GREEDY], parameters
        if position >= len(segments):
            return None
        if part.startswith("{"):
            parameters[part[1:-1]] = segments[position]
            rank.append(_PARAMETER)
        elif part == segments[position]:
            rank.append(_LITERAL)
        else:
            return None
    return (rank, parameters) if len(parts) == len(segments) else None
