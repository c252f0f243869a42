"""What the SageMaker adapters share: the parts behind the API, and errors in the service's words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound, ValidationError
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from local_aws.base.clients import ACCOUNT
from local_aws.endpoints.host import EndpointError, EndpointHost, ModelSpec
from local_aws.jobs.runner import JobRunner
from local_aws.jobs.transform_runner import TransformRunner
from local_aws.pipelines.executions import ExecutionStore
from local_aws.pipelines.executor import Executor

__all__ = [
    "Plane",
    "ResourceInUseException",
    "ResourceNotFound",
    "ValidationError",
    "backend_of",
    "model_spec",
    "page",
    "present",
]

Emit = Callable[[str, list[str], Mapping[str, Any]], None]


@dataclass
class Plane:
    """The data plane, as the API sees it."""

    region: str
    jobs: JobRunner
    transforms: TransformRunner
    executor: Executor
    endpoints: EndpointHost
    emit: Emit
    executions: ExecutionStore = field(default_factory=ExecutionStore)
    # One lock for all that is checked and then written: moto has none.
    lock: threading.RLock = field(default_factory=threading.RLock)


def backend_of(region: str) -> SageMakerModelBackend:
    """Return moto's store of a region."""
    return sagemaker_backends[ACCOUNT][region]


def model_spec(region: str, name: str) -> ModelSpec:
    """Return what a stored model serves: its own container's members over those of its model package.

    Raises
    ------
    EndpointError
        When there is no artefact to serve.
    """
    model = backend_of(region).describe_model(name)
    container = model.primary_container or (model.containers[0] if model.containers else {})
    package = container.get("ModelPackageName")
    inherited: dict[str, Any] = {}
    if package:
        specification = backend_of(region).describe_model_package(package).inference_specification
        containers = (specification or {}).get("Containers")
        if not containers:
            raise EndpointError(f"Model package {package.rpartition('/')[2]} has no container to serve.")
        inherited = containers[0]
    url = container.get("ModelDataUrl") or inherited.get("ModelDataUrl")
    if not url:
        raise EndpointError(f"Model {name} has no ModelDataUrl; local AWS serves artefacts, not images.")
    environment = {**(inherited.get("Environment") or {}), **(container.get("Environment") or {})}
    return ModelSpec(url, environment, name)


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that have a value."""
    return {key: value for key, value in values.items() if value is not None}


def page(items: Sequence[Any], request: Mapping[str, Any]) -> tuple[list[Any], str | None]:
    """Return one page of a list and the token of the next.

    Raises
    ------
    ValidationError
        When the token is not one of ours.
    """
    token = str(request.get("NextToken") or "0")
    if not token.isdigit():
        raise ValidationError(f"Value '{token}' at 'nextToken' is not a token of an earlier answer.")
    start, size = int(token), int(request.get("MaxResults") or 100)
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None
