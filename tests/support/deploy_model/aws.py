"""An account in memory for deploy_model: its state, what people and SageMaker do to it, and its clients.

Every request is checked against botocore's model of the service.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from deploy_model.reconcile import Reconciler
from deploy_model.settings import Settings
from support.deploy_model.services import ARN, S3, AutoScaling, CloudWatch, Runtime, SageMaker, Ssm


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "project": "bankruptcy",
        "bucket": "bankruptcy-123456789012-eu-west-1",
        "group": "bankruptcy",
        "endpoint": "bankruptcy",
        "role_arn": "arn:aws:iam::123456789012:role/endpoint",
        "mode": "instance",
        "instance_type": "ml.t2.medium",
        "min_instances": 1,
        "max_instances": 1,
        "invocations_per_instance": 3000,
        "serverless_memory_mb": 2048,
        "serverless_max_concurrency": 5,
        "bake_seconds": 600,
        "latency_alarm_ms": 1000,
        "paused_parameter": "/bankruptcy/paused",
    }
    return Settings(**{**values, **changes})


@dataclass
class Aws:
    """State and clients.

    `fail` may raise before any call; `lose` may raise after a call that took effect, or repeat the call.
    """

    bucket: str = "bankruptcy-123456789012-eu-west-1"
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoint: dict[str, Any] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    scaling: dict[str, Any] | None = None
    retained: bool = False
    # The DeploymentConfig of each update; None for an update without one.
    deployments: list[dict[str, Any] | None] = field(default_factory=list)
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=lambda: {"/bankruptcy/paused": "false"})
    wrong_answers: set[str] = field(default_factory=set)
    silent: bool = False
    # The versions that answer the next requests; after them, the one in service.
    answering: Iterator[str] = field(default_factory=lambda: iter(()))
    # S3 returns AccessDenied instead if it does not let the caller list the bucket without a prefix.
    missing_key: str = "NoSuchKey"
    fail: Callable[[str], None] = lambda _: None
    lose: Callable[[str], bool] = lambda _: False
    calls: list[str] = field(default_factory=list)

    def reconciler(self, with_settings: Settings | None = None) -> Reconciler:
        clients: Any = {
            "sagemaker": Client(self, "sagemaker", SageMaker(self)),
            "runtime": Client(self, "sagemaker-runtime", Runtime(self)),
            "autoscaling": Client(self, "application-autoscaling", AutoScaling(self)),
            "cloudwatch": Client(self, "cloudwatch", CloudWatch(self)),
            "s3": Client(self, "s3", S3(self)),
            "ssm": Client(self, "ssm", Ssm(self)),
        }
        return Reconciler(with_settings or settings(), **clients)

    # Actions of people and SageMaker.

    def register(self, status: str = "Approved") -> str:
        """Register the next version with its model and contract in S3, and return its number."""
        version = str(len(self.packages) + 1)
        prefix = f"models/execution-{version}"
        contract = {
            "contract": f"{int(version):016x}",
            "smoke_test": {"features": [0.5, 0.25], "probability": int(version) / 1000},
        }
        archive = f"model {version}".encode()
        self.objects[f"{prefix}/model.tar.gz"] = archive
        self.objects[f"{prefix}/contract.json"] = json.dumps(contract).encode()
        self.packages[version] = {
            "ModelPackageArn": f"{ARN}:model-package/bankruptcy/{version}",
            "ModelPackageVersion": int(version),
            "ModelApprovalStatus": status,
            "InferenceSpecification": {
                "Containers": [
                    {
                        "ModelDataUrl": f"s3://{self.bucket}/{prefix}/model.tar.gz",
                        "Environment": {"SAGEMAKER_PROGRAM": "serve.py"},
                    }
                ]
            },
            "CustomerMetadataProperties": {
                "ContractUri": f"s3://{self.bucket}/{prefix}/contract.json",
                "ContractHash": contract["contract"],
                "ArchiveSha256": hashlib.sha256(archive).hexdigest(),
            },
        }
        return version

    def decide(self, version: str, status: str) -> None:
        self.packages[version]["ModelApprovalStatus"] = status

    def pause(self, paused: bool = True) -> None:
        self.parameters["/bankruptcy/paused"] = "true" if paused else "false"

    def bake(self) -> None:
        """Let the version that is being deployed answer requests while its alarms are watched."""
        if self.endpoint is not None and "PendingDeploymentSummary" in self.endpoint:
            (variant,) = self.endpoint["PendingDeploymentSummary"]["ProductionVariants"]
            variant["VariantStatus"] = [{"Status": "Baking", "StatusMessage": "Baking for 600 seconds."}]

    def set_off(self, kind: str = "errors") -> None:
        """Let a rollback alarm of the version that is being deployed go off."""
        if self.endpoint is not None and "PendingDeploymentSummary" in self.endpoint:
            config = self.endpoint["PendingDeploymentSummary"]["EndpointConfigName"]
            if (name := f"bankruptcy-rollback-{kind}-{config}") in self.alarms:
                self.alarms[name]["StateValue"] = "ALARM"

    def settle(self, *, succeeds: bool = True) -> None:
        """Finish all changes in progress, as SageMaker does."""
        endpoint = self.endpoint
        if endpoint is None:
            return
        summary = endpoint.pop("PendingDeploymentSummary", None)
        if endpoint["EndpointStatus"] == "Deleting":
            self.endpoint, self.tags = None, {}
        elif endpoint["EndpointStatus"] == "Creating":
            endpoint["EndpointStatus"] = "InService" if succeeds else "Failed"
            endpoint["FailureReason"] = "" if succeeds else "The container did not answer /ping."
        elif endpoint["EndpointStatus"] == "Updating":
            endpoint["EndpointStatus"] = "InService"
            if succeeds and not self._is_rolled_back():  # Otherwise it keeps the old configuration.
                endpoint["EndpointConfigName"] = summary["EndpointConfigName"]
                endpoint["ProductionVariants"] = [
                    {"CurrentInstanceCount": each.get("DesiredInstanceCount", 0)}
                    for each in summary["ProductionVariants"]
                ]

    def fail_rollback(self) -> None:
        """Fail an update and then its rollback."""
        if self.endpoint is not None and self.endpoint["EndpointStatus"] == "Updating":
            del self.endpoint["PendingDeploymentSummary"]
            self.endpoint["EndpointStatus"] = "UpdateRollbackFailed"

    def _is_rolled_back(self) -> bool:
        """Evaluate the alarms of the update; one with no data breaches if its condition says so."""
        config = self.deployments[-1]
        names = [] if config is None else config["AutoRollbackConfiguration"]["Alarms"]
        alarms = [self.alarms[each["AlarmName"]] for each in names]
        for alarm in alarms:
            if alarm["TreatMissingData"] == "breaching":
                alarm["StateValue"] = "ALARM"
        return any(alarm["StateValue"] == "ALARM" for alarm in alarms)

    # State that tests check.

    def serving(self) -> str | None:
        """Return the version in service, or None."""
        serving = ("InService", "Updating", "UpdateRollbackFailed")
        if self.endpoint is None or self.endpoint["EndpointStatus"] not in serving:
            return None
        config = self.configs[self.endpoint["EndpointConfigName"]]
        return self.environment(config)["MODEL_PACKAGE_VERSION"]

    def environment(self, config: dict[str, Any]) -> dict[str, str]:
        model = self.models[config["ProductionVariants"][0]["ModelName"]]
        return model["PrimaryContainer"]["Environment"]

    def published(self) -> dict[str, Any] | None:
        body = self.objects.get("champion/contract.json")
        return None if body is None else json.loads(body)

    def run(self, reconciler: Reconciler, ticks: int = 30) -> dict[str, Any]:
        """Call until there is nothing left to do, with all changes succeeding, and return the last step."""
        for _ in range(ticks):
            step = reconciler.step()
            self.settle()
            if step["action"] == "none":
                return step
        raise AssertionError(f"no rest after {ticks} calls: {step}")


class Client:
    """Forwards calls to a fake service, counts them, and fails when the test requests it."""

    def __init__(self, aws: Aws, name: str, service: Any) -> None:
        self._aws = aws
        self._name = name
        self._service = service

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self._aws.calls.append(operation)
            self._aws.fail(operation)
            check(self._name, operation, request)
            answer = getattr(self._service, operation)(**request)
            if self._aws.lose(operation):
                answer = getattr(self._service, operation)(**request)
            return answer

        return call

    def get_paginator(self, operation: str) -> Any:
        return Paginator(getattr(self, operation))


class Paginator:
    def __init__(self, list_pages: Callable[..., list[dict[str, Any]]]) -> None:
        self.paginate = list_pages


@functools.cache
def service_model(name: str) -> ServiceModel:
    loader = botocore.session.get_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(name, "service-2"))


def check(service: str, operation: str, request: dict[str, Any]) -> None:
    """Reject a request that botocore would reject."""
    action = "".join(word.capitalize() for word in operation.split("_"))
    shape = service_model(service).operation_model(action).input_shape
    if operation == "copy_object":  # botocore also accepts this as a dict.
        request = {**request, "CopySource": "{Bucket}/{Key}".format(**request["CopySource"])}
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
