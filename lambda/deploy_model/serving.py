"""The endpoint and what it is made of: models, configurations, tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy_model.registry import Package
from deploy_model.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import TagTypeDef

# Tags on the endpoint that carry memory from one call to the next.
ATTEMPTED = "AttemptedConfig"
VERIFIED = "VerifiedConfig"

MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
KEPT_GENERATIONS = 3


@dataclass(frozen=True)
class Endpoint:
    """The endpoint as it is now."""

    arn: str
    status: str
    config: str
    failure_reason: str
    # None for what a configuration that is gone said.
    serverless: bool | None
    instance_type: str | None
    attempted: str | None
    verified: str | None


class Serving:
    """Reads and changes the endpoint; every method can be repeated after an interruption."""

    def __init__(self, sagemaker: SageMakerClient, settings: Settings) -> None:
        self._sagemaker = sagemaker
        self._settings = settings
        self._generation = re.compile(rf"{re.escape(settings.project)}-v(\d+)-[0-9a-f]{{8}}")

    def observe(self) -> Endpoint | None:
        """Return the endpoint, or None where there is none."""
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
        return Endpoint(
            arn=found["EndpointArn"],
            status=found["EndpointStatus"],
            config=config,
            failure_reason=found.get("FailureReason", ""),
            serverless=None if variant is None else "ServerlessConfig" in variant,
            instance_type=None if variant is None else variant.get("InstanceType"),
            attempted=tags.get(ATTEMPTED),
            verified=tags.get(VERIFIED),
        )

    def version_of(self, config: str) -> int | None:
        """Return the package version that a configuration of ours serves, None for a foreign one."""
        match = self._generation.fullmatch(config)
        return int(match.group(1)) if match else None

    def prepare(self, package: Package) -> str:
        """Make the model and the endpoint configuration of a package where they are missing.

        Returns
        -------
        str
            The name of both.
        """
        name = self._settings.name_for(package.version)
        tags = self._tags(ModelPackageVersion=str(package.version))
        with _already("already existing"):
            self._sagemaker.create_model(
                ModelName=name,
                ExecutionRoleArn=self._settings.role_arn,
                Containers=[
                    {
                        "ModelPackageName": package.arn,
                        "Environment": {"MODEL_PACKAGE_VERSION": str(package.version)},
                    }
                ],
                # Serverless endpoints don't support isolation.
                EnableNetworkIsolation=self._settings.mode == "instance",
                Tags=tags,
            )
        variant: Any = {**self._settings.variant(), "ModelName": name}
        with _already("already existing"):
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

    def update(self, endpoint: Endpoint, config: str) -> None:
        """Start the update to another configuration, then note that it was attempted.

        In this order: an interruption in between costs one failure that is not counted, while the other
        order would count one that never was.
        """
        self._sagemaker.update_endpoint(
            EndpointName=self._settings.endpoint,
            EndpointConfigName=config,
            # As many instances as the requests have brought by now, instead of the fewest.
            RetainAllVariantProperties=self._settings.scales,
        )
        self._sagemaker.add_tags(ResourceArn=endpoint.arn, Tags=[{"Key": ATTEMPTED, "Value": config}])

    def delete(self) -> None:
        """Delete the endpoint; its models and configurations stay."""
        self._sagemaker.delete_endpoint(EndpointName=self._settings.endpoint)

    def note_verified(self, endpoint: Endpoint) -> None:
        """Note on the endpoint that its configuration passed the smoke test and is published."""
        self._sagemaker.add_tags(ResourceArn=endpoint.arn, Tags=[{"Key": VERIFIED, "Value": endpoint.config}])

    def forget_attempt(self, endpoint: Endpoint) -> None:
        """Drop the note of an attempt that has ended."""
        self._sagemaker.delete_tags(ResourceArn=endpoint.arn, TagKeys=[ATTEMPTED])

    def remove_old(self, in_use: str) -> list[str]:
        """Remove our models and configurations but for the newest three and the one in use.

        Returns
        -------
        list of str
            Names of what was removed.
        """
        prefix = f"{self._settings.project}-v"
        configs = [
            config["EndpointConfigName"]
            for page in self._sagemaker.get_paginator("list_endpoint_configs").paginate(
                NameContains=prefix, SortBy="CreationTime", SortOrder="Descending"
            )
            for config in page["EndpointConfigs"]
            if self.version_of(config["EndpointConfigName"]) is not None
        ]
        models = [
            model["ModelName"]
            for page in self._sagemaker.get_paginator("list_models").paginate(
                NameContains=prefix, SortBy="CreationTime", SortOrder="Descending"
            )
            for model in page["Models"]
            if self.version_of(model["ModelName"]) is not None
        ]
        kept = {*configs[:KEPT_GENERATIONS], in_use}
        # A model without a configuration is left over from an interruption.
        for config in (name for name in configs if name not in kept):
            with _already("Could not find"):
                self._sagemaker.delete_endpoint_config(EndpointConfigName=config)
        for model in (name for name in models if name not in kept):
            with _already("Could not find"):
                self._sagemaker.delete_model(ModelName=model)
        return sorted({*configs, *models} - kept)

    def _tags(self, **more: str) -> list[TagTypeDef]:
        tags = {"Project": self._settings.project, "ManagedBy": "deploy_model", **more}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def _variant(self, config: str) -> dict[str, Any] | None:
        """Return the production variant of a configuration, None when it is gone."""
        try:
            found: Any = self._sagemaker.describe_endpoint_config(EndpointConfigName=config)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        return dict(found["ProductionVariants"][0])


def _is_missing(error: ClientError) -> bool:
    return _says(error, "Could not find")


def _says(error: ClientError, text: str) -> bool:
    details = error.response.get("Error", {})
    # SageMaker has no error codes of its own for names that are missing or taken.
    return details.get("Code") == "ValidationException" and text in details.get("Message", "")


@contextmanager
def _already(text: str) -> Iterator[None]:
    """Let a change pass that another call has made already; names say all that things are."""
    try:
        yield
    except ClientError as error:
        if not _says(error, text):
            raise
