"""Application Auto Scaling on local AWS: what is registered is kept, and checked; nothing ever scales."""

from __future__ import annotations

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends
from moto.core.exceptions import JsonRESTError

from local_aws.base.clients import ACCOUNT

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def install() -> None:
    """Let moto deregister as AWS does; call it before moto's application is made."""
    ApplicationAutoscalingBackend.deregister_scalable_target = _deregister


def is_scaled(region: str, endpoint: str, variant: str) -> bool:
    """Whether a variant of an endpoint is registered as a scalable target."""
    return _resource(endpoint, variant) in _targets(region)


def forget_endpoint(region: str, endpoint: str) -> None:
    """Drop what is registered for an endpoint, as its deletion does."""
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
    """Remove a target and the policies on it."""
    del backend.targets[dimension][resource]
    backend.policies = {
        key: policy
        for key, policy in backend.policies.items()
        if (policy.resource_id, policy.scalable_dimension) != (resource, dimension)
    }


def _resource(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"
