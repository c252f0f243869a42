"""Fakes for tests of the service's operation: one client for every AWS service, and a clock."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError

from pipeline.project import Project
from scripts.aws.session import Aws
from scripts.deploy.outputs import Outputs, camel_case

PROJECT = Project("bankruptcy", "123456789012", "eu-west-1")
OUTPUTS = [camel_case(field.name) for field in fields(Outputs)]


class Meta:
    endpoint_url = "https://sagemaker.eu-west-1.amazonaws.com"


class Client:
    """A client of every service; `on_call` does what deploy_model would do to the endpoint."""

    meta = Meta()

    def __init__(self) -> None:
        self.endpoint: dict[str, Any] | None = None
        self.approved: list[int] = []
        self.paused: list[str] = ["false"]
        self.published: str | None = None
        self.calls = 0
        self.on_call: Callable[[], dict[str, Any]] = lambda: {"action": "none"}

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": name, "OutputValue": name} for name in OUTPUTS]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": self.paused[-1]}}

    def put_parameter(self, *, Value: str, **_: Any) -> None:
        self.paused.append(Value)

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        if self.endpoint is None:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": "Could not find endpoint"}}, "x"
            )
        return self.endpoint

    def describe_endpoint_config(self, **_: Any) -> dict[str, Any]:
        return {"ProductionVariants": [{"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}]}

    def get_paginator(self, _name: str) -> Client:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return [
            {
                "ModelPackageSummaryList": [
                    {
                        "ModelPackageVersion": version,
                        "ModelApprovalStatus": "Approved",
                        "CreationTime": now,
                        "ModelPackageArn": f"arn:of:{version}",
                    }
                    for version in self.approved
                ]
            }
        ]

    def get_object(self, **_: Any) -> dict[str, Any]:
        if self.published is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        return {"Body": io.BytesIO(json.dumps({"version": self.published}).encode())}

    def invoke(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        step = self.on_call()
        failed = {"FunctionError": "Unhandled"} if "errorMessage" in step else {}
        return {"Payload": io.BytesIO(json.dumps(step).encode()), **failed}


class Session:
    """A session with one client for every service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def client(self, _service: str, **_: Any) -> Client:
        return self._client


def connected(client: Client) -> Aws:
    """Return a connection whose clients are all this one."""
    return Aws(cast("boto3.Session", Session(client)), PROJECT)


class Clock:
    """A clock that only advances during sleep."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def endpoint(status: str, version: int = 1) -> dict[str, Any]:
    """Return the description of an endpoint that serves a version."""
    return {"EndpointStatus": status, "EndpointConfigName": f"bankruptcy-v{version}-0123abcd"}
