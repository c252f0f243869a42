"""Application Auto Scaling: scalable targets are stored and checked, but the instance count never changes."""

from __future__ import annotations

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends
from moto.core.exceptions import JsonRESTError

from local_aws.base.clients import ACCOUNT

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def install() -> None:
    """Make moto deregister targets as AWS does; call this before moto's application is created."""
    ApplicationAutoscalingBackend.deregister_scalable_target = _deregister


def is_scaled(region: str, endpoint: str, variant: str) -> bool:
    """Return whether a variant of an endpoint is registered as a scalable target."""
    return f"endpoint/{endpoint}/variant/{variant}" in _targets(region)


def forget_endpoint(region: str, endpoint: str) -> None:
    """Deregister the scalable targets of a deleted endpoint."""
    for resource in [name for name in _targets(region) if name.startswith(f"endpoint/{endpoint}/")]:
        _drop(applicationautoscaling_backends[ACCOUNT][region], resource, _DIMENSION)


def _targets(region: str) -> dict[str, object]:
    found: dict[str, object] = applicationautoscaling_backends[ACCOUNT][region].targets.get(_DIMENSION, {})
    return found


def _deregister(backend: ApplicationAutoscalingBackend, namespace: str, r_id: str, dimension: str) -> None:
    if r_id not in backend.targets.get(dimension, {}):
        message = f"No scalable target registered for namespace: {namespace}, resource: {r_id}"
        raise JsonRESTError("ObjectNotFoundException", f"{message}, dimension: {dimension}")
    _drop(backend, r_id, dimension)


def _drop(backend: ApplicationAutoscalingBackend, resource: str, dimension: str) -> None:
    """Remove a target and its scaling policies."""
    del backend.targets[dimension][resource]
    backend.policies = {
        key: policy
        for key, policy in backend.policies.items()
        if (policy.resource_id, policy.scalable_dimension) != (resource, dimension)
    }
