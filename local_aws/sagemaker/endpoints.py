"""Models, endpoint configurations, and endpoints that really serve."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.models import FakeEndpoint
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.clock import now
from local_aws.base.documents import filled, present
from local_aws.base.ids import sagemaker_arn
from local_aws.endpoints.host import EndpointError
from local_aws.sagemaker import autoscaling
from local_aws.sagemaker.plane import (
    Plane,
    ValidationError,
    aware,
    backend_of,
    event_times,
    model_spec,
    page,
)

LOGGER = logging.getLogger(__name__)


class EndpointActions(SageMakerResponse):  # type: ignore[misc]
    """Actions on models, endpoint configurations and endpoints."""

    plane: Plane

    def create_model(self) -> ActionResult:
        """Create a model; its name must be new, and its model package must exist and be approved."""
        name = self._get_param("ModelName")
        with self.plane.lock:
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
        with self.plane.lock:
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
        with self.plane.lock:
            if name in self.sagemaker_backend.endpoints:
                raise ValidationError(
                    f'Cannot create already existing endpoint "{self._arn("endpoint", name)}".'
                )
            # A copy, because the configuration can be deleted or replaced while the endpoint is created.
            config_name = self._get_param("EndpointConfigName")
            config = copy.deepcopy(self.sagemaker_backend.describe_endpoint_config(config_name))
            result = super().create_endpoint()
            endpoint = self.sagemaker_backend.endpoints[name]
            self._set_status(endpoint, "Creating")
        self._in_background(self._create, endpoint, config)
        return result

    def update_endpoint(self) -> ActionResult:
        """Deploy another configuration in the background; the old one serves until that succeeds."""
        name, config_name = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
        with self.plane.lock:
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
            endpoint.failure_reason = None
            endpoint.last_deployment_config = self._get_param("DeploymentConfig")
            self._set_status(endpoint, "Updating")
        self._in_background(self._update, endpoint, config_name, config)
        return ActionResult({"EndpointArn": endpoint.arn})

    def delete_endpoint(self) -> ActionResult:
        """Delete an endpoint; its configuration and models stay."""
        with self.plane.lock:
            endpoint = self._endpoint(self._get_param("EndpointName"))
            if endpoint.endpoint_status in {"Creating", "Updating", "Deleting"}:
                raise ValidationError(f'Cannot delete in-progress endpoint "{endpoint.arn}".')
            self._set_status(endpoint, "Deleting")
            del self.sagemaker_backend.endpoints[endpoint.endpoint_name]
            autoscaling.forget_endpoint(self.region, endpoint.endpoint_name)
        self.plane.endpoints.stop(endpoint.endpoint_name)
        return EmptyResult()

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

    def _create(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> None:
        reason = self._deploy(endpoint, config)
        self._settle(endpoint, "Failed" if reason else "InService", reason)

    def _update(self, endpoint: FakeEndpoint, config_name: str, config: Mapping[str, Any]) -> None:
        reason = self._deploy(endpoint, config)
        if reason:
            # As on AWS, the update is rolled back and the old configuration stays in service.
            self._settle(endpoint, "InService", reason)
            return
        with self.plane.lock:
            endpoint.endpoint_config_name = config_name
            variants = endpoint._process_production_variants(config["ProductionVariants"])
            endpoint.production_variants = variants
            endpoint.data_capture_config = config.get("DataCaptureConfig")
        self._settle(endpoint, "InService", None)

    def _deploy(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> str | None:
        """Serve a configuration; return the reason if that fails, else None."""
        try:
            self._serve(endpoint, config)
        except (EndpointError, ValidationError) as error:
            return str(error)
        except Exception as error:
            # The thread's outermost handler: an unexpected error must end the status "in progress".
            LOGGER.exception("Local AWS failed to deploy endpoint %s", endpoint.endpoint_name)
            return f"InternalServerError: {error!r}"
        return None

    def _serve(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> None:
        variants = config["ProductionVariants"]
        if len(variants) != 1:
            raise EndpointError(
                f"The configuration has {len(variants)} production variants; local AWS serves only one."
            )
        spec = model_spec(self.plane.region, variants[0]["ModelName"])
        self.plane.endpoints.deploy(endpoint.endpoint_name, spec, lambda: self._is_present(endpoint))

    def _is_present(self, endpoint: FakeEndpoint) -> bool:
        """Return whether the endpoint still exists; a reset can remove it during a deployment."""
        # Threads run outside a request, where moto's own `sagemaker_backend` does not work.
        return backend_of(self.plane.region).endpoints.get(endpoint.endpoint_name) is endpoint

    def _settle(self, endpoint: FakeEndpoint, status: str, reason: str | None) -> None:
        with self.plane.lock:
            if self._is_present(endpoint):
                endpoint.failure_reason = reason[:1024] if reason else None
                self._set_status(endpoint, status)

    def _set_status(self, endpoint: FakeEndpoint, status: str) -> None:
        endpoint.endpoint_status = status
        endpoint.last_modified_time = now()
        # Events spell the status in capitals: InService becomes IN_SERVICE.
        spelled = camelcase_to_underscores(status).upper()
        detail = {**event_times(present(endpoint.response_object)), "EndpointStatus": spelled}
        self.plane.emit("SageMaker Endpoint State Change", [endpoint.arn], detail)

    def _endpoint(self, name: str) -> FakeEndpoint:
        endpoint = self.sagemaker_backend.endpoints.get(name)
        if endpoint is None:
            raise ValidationError(f'Could not find endpoint "{self._arn("endpoint", name)}".')
        return endpoint

    def _arn(self, kind: str, name: str) -> str:
        return sagemaker_arn(self.region, kind, name)

    def _in_background(self, work: Any, endpoint: FakeEndpoint, *arguments: Any) -> None:
        threading.Thread(
            target=work, args=(endpoint, *arguments), name=f"endpoint-{endpoint.endpoint_name}", daemon=True
        ).start()
