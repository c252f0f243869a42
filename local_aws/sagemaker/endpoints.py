"""Models, endpoint configurations, and endpoints that really serve."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.models import FakeEndpoint
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.documents import filled, present
from local_aws.base.ids import sagemaker_arn
from local_aws.sagemaker import autoscaling
from local_aws.sagemaker.deployments import Deployments
from local_aws.sagemaker.guardrails import planned
from local_aws.sagemaker.plane import (
    Plane,
    ValidationError,
    aware,
    page,
)

LOGGER = logging.getLogger(__name__)


class EndpointActions(SageMakerResponse):  # type: ignore[misc]
    """Actions on models, endpoint configurations and endpoints."""

    plane: Plane

    @property
    def _deployments(self) -> Deployments:
        return Deployments(self.plane)

    def create_model(self) -> ActionResult:
        """Create a model; its name must be new, and its model package must exist and be approved."""
        name = self._get_param("ModelName")
        with self.plane.changes:
            if name in self.sagemaker_backend._models:
                raise ValidationError(f'Cannot create already existing model "{self._arn("model", name)}".')
            containers = self._get_param("Containers") or [self._get_param("PrimaryContainer") or {}]
            for container in containers:
                package = container.get("ModelPackageName")
                if package:
                    found = self.sagemaker_backend.describe_model_package(package)
                    if found.model_package_group_name and found.model_approval_status != "Approved":
                        raise ValidationError(
                            f"Model {name}: the model package {package} is {found.model_approval_status}; "
                            "only an approved version can be deployed."
                        )
                elif not container.get("Image") and not container.get("ModelDataUrl"):
                    raise ValidationError(
                        f"Model {name}: a container needs a ModelPackageName, or an Image and a ModelDataUrl."
                    )
            return super().create_model()

    def describe_model(self) -> ActionResult:
        """Describe a model."""
        model = self.sagemaker_backend.describe_model(self._get_param("ModelName"))
        return ActionResult(filled(model.response_object))

    def list_models(self) -> ActionResult:
        """List models, newest first by default; moto ignores the request's filters and order."""
        text, after, before = (
            self._get_param(name) for name in ("NameContains", "CreationTimeAfter", "CreationTimeBefore")
        )
        models = [
            {"ModelName": each.model_name, "ModelArn": each.arn, "CreationTime": aware(each.creation_time)}
            for each in self.sagemaker_backend.list_models()
        ]
        models = [
            each
            for each in models
            if (not text or text in each["ModelName"])
            and (after is None or each["CreationTime"] > aware(after))
            and (before is None or each["CreationTime"] < aware(before))
        ]
        key = "ModelName" if self._get_param("SortBy") == "Name" else "CreationTime"
        models.sort(key=itemgetter(key), reverse=self._get_param("SortOrder") != "Ascending")
        found, token = page(models, self.params)
        return ActionResult(present({"Models": found, "NextToken": token}))

    def create_endpoint_config(self) -> ActionResult:
        """Create an endpoint configuration; its name must be new."""
        name = self._get_param("EndpointConfigName")
        with self.plane.changes:
            if name in self.sagemaker_backend.endpoint_configs:
                arn = self._arn("endpoint-config", name)
                raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".')
            return super().create_endpoint_config()

    def describe_endpoint_config(self) -> ActionResult:
        """Describe an endpoint configuration."""
        name = self._get_param("EndpointConfigName")
        return ActionResult(filled(self.sagemaker_backend.describe_endpoint_config(name)))

    def describe_endpoint(self) -> ActionResult:
        """Describe an endpoint."""
        name = self._get_param("EndpointName")
        return ActionResult(filled(self.sagemaker_backend.describe_endpoint(name)))

    def create_endpoint(self) -> ActionResult:
        """Create an endpoint and deploy its configuration in the background."""
        name = self._get_param("EndpointName")
        with self.plane.changes:
            if name in self.sagemaker_backend.endpoints:
                raise ValidationError(
                    f'Cannot create already existing endpoint "{self._arn("endpoint", name)}".'
                )
            # A copy, because the configuration can be deleted or replaced while the endpoint is created.
            config_name = self._get_param("EndpointConfigName")
            config = copy.deepcopy(self.sagemaker_backend.describe_endpoint_config(config_name))
            result = super().create_endpoint()
            endpoint = self.sagemaker_backend.endpoints[name]
            endpoint.local_config = config
            self._deployments.set_status(endpoint, "Creating")
        self._deployments.create(endpoint)
        return result

    def update_endpoint(self) -> ActionResult:
        """Deploy another configuration in the background; the old one serves until that succeeds."""
        name, config_name = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
        with self.plane.changes:
            endpoint = self._endpoint(name)
            config = copy.deepcopy(self.sagemaker_backend.describe_endpoint_config(config_name))
            if endpoint.endpoint_status in {"Creating", "Updating", "Deleting"}:
                raise ValidationError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            if endpoint.endpoint_status != "InService":
                raise ValidationError(
                    f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.endpoint_status}; '
                    "delete the endpoint and create it again."
                )
            if config_name == endpoint.endpoint_config_name:
                raise ValidationError(
                    f'Cannot update endpoint "{endpoint.arn}" with its current configuration '
                    f"{config_name!r}; name another configuration."
                )
            self._check_scaling(endpoint, config)
            deployment = self._get_param("DeploymentConfig")
            update = planned(config_name, config, self._instances(endpoint, config), deployment or {})
            unknown = sorted(set(update.alarms) - self.plane.alarm_states(update.alarms).keys())
            if unknown:
                raise ValidationError(f"There is no alarm {', '.join(unknown)}.")
            endpoint.failure_reason = None
            endpoint.last_deployment_config = deployment
            self._deployments.set_status(endpoint, "Updating")
        self._deployments.update(endpoint, update)
        return ActionResult({"EndpointArn": endpoint.arn})

    def delete_endpoint(self) -> ActionResult:
        """Delete an endpoint; its configuration and models stay."""
        with self.plane.changes:
            endpoint = self._endpoint(self._get_param("EndpointName"))
            if endpoint.endpoint_status in {"Creating", "Updating", "Deleting"}:
                raise ValidationError(f'Cannot delete in-progress endpoint "{endpoint.arn}".')
            self._deployments.set_status(endpoint, "Deleting")
            del self.sagemaker_backend.endpoints[endpoint.endpoint_name]
            autoscaling.forget_endpoint(self.region, endpoint.endpoint_name)
        self.plane.endpoints.stop(endpoint.endpoint_name)
        return EmptyResult()

    def _instances(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> int:
        """Return how many instances an endpoint will have with a new configuration."""
        if self._get_param("RetainAllVariantProperties"):
            present: int = endpoint.production_variants[0].get("CurrentInstanceCount", 1)
            return present
        wanted: int = config["ProductionVariants"][0].get("InitialInstanceCount", 1)
        return wanted

    def _check_scaling(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> None:
        """Reject an update that removes a scaled variant or changes its instance type."""
        wanted = {v["VariantName"]: v.get("InstanceType") for v in config["ProductionVariants"]}
        present = self.sagemaker_backend.endpoint_configs.get(endpoint.endpoint_config_name)
        for variant in present.response_object["ProductionVariants"] if present else []:
            name = variant["VariantName"]
            if wanted.get(name) != variant.get("InstanceType") and autoscaling.is_scaled(
                self.region, endpoint.endpoint_name, name
            ):
                raise ValidationError(
                    f'The variant(s) "[{name}]" must be deregistered as scalable targets with AWS Auto '
                    "Scaling before they can be removed or have their instance type updated."
                )

    def _endpoint(self, name: str) -> FakeEndpoint:
        endpoint = self.sagemaker_backend.endpoints.get(name)
        if endpoint is None:
            raise ValidationError(f'Could not find endpoint "{self._arn("endpoint", name)}".')
        return endpoint

    def _arn(self, kind: str, name: str) -> str:
        return sagemaker_arn(self.region, kind, name)
