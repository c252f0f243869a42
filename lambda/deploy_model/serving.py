"""Reads and changes the endpoint, its models, configurations and tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy_model.registry import Package
from deploy_model.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import TagTypeDef

# Tags of the endpoint that store state between calls.
ATTEMPTED = "AttemptedConfig"
VERIFIED = "VerifiedConfig"

MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
KEPT_GENERATIONS = 3


@dataclass(frozen=True)
class Endpoint:
    """The endpoint as it is now.

    Attributes
    ----------
    instances
        Number of instances of the configuration in service; 0 if it is serverless.
    pending, pending_instances
        The configuration that is being deployed, and its wanted number of instances; None and 0 if there is
        none.
    bakes
        Whether the pending configuration already answers requests and is being watched.
    """

    arn: str
    status: str
    config: str
    failure_reason: str
    instances: int
    pending: str | None
    pending_instances: int
    bakes: bool
    # None if the configuration no longer exists.
    serverless: bool | None
    instance_type: str | None
    attempted: str | None
    verified: str | None


class Serving:
    """Reads and changes the endpoint. Every method can be repeated after an interruption."""

    def __init__(self, sagemaker: SageMakerClient, settings: Settings) -> None:
        self._sagemaker = sagemaker
        self._settings = settings
        self._generation = re.compile(rf"{re.escape(settings.project)}-v(\d+)-[0-9a-f]{{8}}")

    def observe(self) -> Endpoint | None:
        """Return the endpoint, or None if there is none."""
        try:
            found: Any = self._sagemaker.describe_endpoint(EndpointName=self._settings.endpoint)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        tags = {
            tag["Key"]: tag["Value"]
            for tag in self._sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
        }
        config = found.get("EndpointConfigName", "")
        variant = self._variant(config)
        summary = found.get("PendingDeploymentSummary", {})
        pending: Any = next(iter(summary.get("ProductionVariants", [])), {})
        running: Any = next(iter(found.get("ProductionVariants", [])), {})
        return Endpoint(
            arn=found["EndpointArn"],
            status=found["EndpointStatus"],
            config=config,
            failure_reason=found.get("FailureReason", ""),
            instances=running.get("CurrentInstanceCount", 0),
            pending=summary.get("EndpointConfigName"),
            pending_instances=pending.get("DesiredInstanceCount", 0),
            bakes=any(each["Status"] == "Baking" for each in pending.get("VariantStatus", [])),
            serverless=None if variant is None else "ServerlessConfig" in variant,
            instance_type=None if variant is None else variant.get("InstanceType"),
            attempted=tags.get(ATTEMPTED),
            verified=tags.get(VERIFIED),
        )

    def version_of(self, config: str) -> int | None:
        """Return the package version that a configuration of this project serves; None for any other name."""
        match = self._generation.fullmatch(config)
        return int(match.group(1)) if match else None

    def prepare(self, package: Package) -> str:
        """Create the model and the endpoint configuration of a package unless they exist.

        Returns
        -------
        str
            The name of both.
        """
        name = self._settings.name_for(package.version)
        tags = self._tags(ModelPackageVersion=str(package.version))
        with _ignore_error("already existing"):
            self._sagemaker.create_model(
                ModelName=name,
                ExecutionRoleArn=self._settings.role_arn,
                # Serverless endpoints do not support a list of containers.
                PrimaryContainer={
                    "ModelPackageName": package.arn,
                    # Whole, because AWS does not document whether it merges this with the package's own.
                    "Environment": {**package.environment, "MODEL_PACKAGE_VERSION": str(package.version)},
                },
                # Serverless endpoints do not support network isolation.
                EnableNetworkIsolation=self._settings.mode == "instance",
                Tags=tags,
            )
        variant: Any = {**self._settings.variant(), "ModelName": name}
        with _ignore_error("already existing"):
            self._sagemaker.create_endpoint_config(
                EndpointConfigName=name, ProductionVariants=[variant], Tags=tags
            )
        return name

    def create(self, config: str) -> None:
        """Create the endpoint."""
        self._sagemaker.create_endpoint(
            EndpointName=self._settings.endpoint,
            EndpointConfigName=config,
            Tags=self._tags(**{ATTEMPTED: config}),
        )

    def update(self, endpoint: Endpoint, config: str, deployment: dict[str, Any] | None) -> None:
        """Start the update to another configuration, then tag the attempt.

        In the other order, an interruption in between could count a failure that never happened. In this
        order, the next call during the update tags the attempt.

        Parameters
        ----------
        deployment
            The ``DeploymentConfig``; None to move all traffic at once, without a bake.
        """
        guarded: Any = {"DeploymentConfig": deployment} if deployment else {}
        self._sagemaker.update_endpoint(
            EndpointName=self._settings.endpoint,
            EndpointConfigName=config,
            # Keep the current number of instances instead of scaling in to the minimum.
            RetainAllVariantProperties=self._settings.scales,
            **guarded,
        )
        self.note_attempt(endpoint, config)

    def note_attempt(self, endpoint: Endpoint, config: str) -> None:
        """Tag the endpoint: a configuration is being deployed."""
        self._sagemaker.add_tags(ResourceArn=endpoint.arn, Tags=[{"Key": ATTEMPTED, "Value": config}])

    def delete(self) -> None:
        """Delete the endpoint, but not its models and configurations."""
        self._sagemaker.delete_endpoint(EndpointName=self._settings.endpoint)

    def note_verified(self, endpoint: Endpoint) -> None:
        """Tag the endpoint: its configuration passed the smoke test and is published."""
        self._sagemaker.add_tags(ResourceArn=endpoint.arn, Tags=[{"Key": VERIFIED, "Value": endpoint.config}])

    def forget_attempt(self, endpoint: Endpoint) -> None:
        """Remove the tag of an attempt that has ended."""
        self._sagemaker.delete_tags(ResourceArn=endpoint.arn, TagKeys=[ATTEMPTED])

    def remove_old(self, in_use: str, before: Callable[[str], None]) -> list[str]:
        """Delete all models and configurations of this project but the newest three and the one in use.

        Parameters
        ----------
        in_use
            The configuration in service.
        before
            Called with each configuration before it is deleted.

        Returns
        -------
        list of str
            The deleted names.
        """
        configs = self._names("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")
        # An interruption can leave a model without a configuration.
        models = self._names("list_models", "Models", "ModelName")
        kept = {*configs[:KEPT_GENERATIONS], in_use}
        for config in (name for name in configs if name not in kept):
            before(config)
            with _ignore_error("Could not find"):
                self._sagemaker.delete_endpoint_config(EndpointConfigName=config)
        for model in (name for name in models if name not in kept):
            with _ignore_error("Could not find"):
                self._sagemaker.delete_model(ModelName=model)
        return sorted({*configs, *models} - kept)

    def _names(self, operation: Any, items: str, key: str) -> list[str]:
        """Return the names of this project's models or configurations, newest first."""
        pages = self._sagemaker.get_paginator(operation).paginate(
            NameContains=f"{self._settings.project}-v", SortBy="CreationTime", SortOrder="Descending"
        )
        names = [item[key] for page in pages for item in page[items]]
        return [name for name in names if self.version_of(name) is not None]

    def _tags(self, **more: str) -> list[TagTypeDef]:
        tags = {"Project": self._settings.project, "ManagedBy": "deploy_model", **more}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def _variant(self, config: str) -> dict[str, Any] | None:
        """Return the production variant of a configuration, or None if it no longer exists."""
        try:
            found: Any = self._sagemaker.describe_endpoint_config(EndpointConfigName=config)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        return dict(found["ProductionVariants"][0])


def _is_missing(error: ClientError) -> bool:
    return _has_message(error, "Could not find")


def _has_message(error: ClientError, text: str) -> bool:
    details = error.response.get("Error", {})
    # SageMaker has no separate error codes for missing and existing names.
    return details.get("Code") == "ValidationException" and text in details.get("Message", "")


@contextmanager
def _ignore_error(text: str) -> Iterator[None]:
    """Ignore the error that another call has already made the change: equal names mean equal resources."""
    try:
        yield
    except ClientError as error:
        if not _has_message(error, text):
            raise
