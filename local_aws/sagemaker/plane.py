"""Shared by the SageMaker adapters: access to the data plane, errors, pagination and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound, ValidationError
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from local_aws.base.changes import Changes
from local_aws.base.clients import ACCOUNT
from local_aws.base.metrics import Metrics
from local_aws.endpoints.host import EndpointError, EndpointHost, ModelSpec
from local_aws.iam.sessions import Sessions
from local_aws.jobs.runner import JobRunner
from local_aws.jobs.transform_runner import TransformRunner
from local_aws.pipelines.executions import STOPPED, ExecutionStore
from local_aws.pipelines.executor import Executor

__all__ = [
    "STOPPED",
    "Plane",
    "ResourceInUseException",
    "ResourceNotFound",
    "ValidationError",
    "aware",
    "backend_of",
    "event_times",
    "model_spec",
    "page",
]

Emit = Callable[[str, list[str], Mapping[str, Any]], None]


@dataclass
class Plane:
    """The parts of the data plane that the SageMaker API uses."""

    region: str
    sessions: Sessions
    jobs: JobRunner
    transforms: TransformRunner
    executor: Executor
    endpoints: EndpointHost
    emit: Emit
    executions: ExecutionStore
    # Its lock makes each check and the write after it atomic; moto has no locks.
    changes: Changes
    metrics: Metrics
    # Returns the states of alarms by their names.
    alarm_states: Callable[[Sequence[str]], Mapping[str, str]]

    def mark(self) -> None:
        """Say that a resource has changed outside of a request."""
        self.changes.mark("sagemaker")


def backend_of(region: str) -> SageMakerModelBackend:
    """Return moto's SageMaker resources of a region."""
    return sagemaker_backends[ACCOUNT][region]


def model_spec(region: str, name: str) -> ModelSpec:
    """Return the archive and environment of a stored model; its container overrides its model package.

    Raises
    ------
    EndpointError
        If the model has no archive.
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
        raise EndpointError(f"Model {name} has no ModelDataUrl; local AWS serves model archives, not images.")
    # AWS does not document whether it merges the two or replaces the package's. Replacing is stricter.
    environment = container.get("Environment") or inherited.get("Environment") or {}
    return ModelSpec(url, dict(environment), name, model.execution_role_arn)


def page(items: Sequence[Any], request: Mapping[str, Any]) -> tuple[list[Any], str | None]:
    """Return one page of a list and the token of the next page.

    Raises
    ------
    ValidationError
        If NextToken is not a token of an earlier answer.
    """
    token = str(request.get("NextToken") or "0")
    if not token.isdigit():
        raise ValidationError(f"Value '{token}' at 'nextToken' is not a token of an earlier answer.")
    start, size = int(token), int(request.get("MaxResults") or 100)
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None


def aware(moment: datetime | float | str) -> datetime:
    """Return a time with a time zone; a time without one is in UTC."""
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(moment), UTC)


def event_times(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's detail with times in milliseconds since the epoch, as SageMaker sends them."""
    return {
        name: aware(value).timestamp() * 1000 if isinstance(value, datetime) else value
        for name, value in detail.items()
    }
