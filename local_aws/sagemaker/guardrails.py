"""How an update moves the requests of an endpoint to another configuration: DeploymentConfig."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aws.base.clock import now
from local_aws.sagemaker.plane import ValidationError

_TERMINATION_WAIT = "TerminationWaitInSeconds"
_INTERVAL = "WaitIntervalInSeconds"


@dataclass(frozen=True)
class Stage:
    """A share of the requests for the new configuration, and how long it bakes with it.

    Attributes
    ----------
    member
        The member of the request that sets the number of seconds.
    capacity
        The instances that get the requests, for messages.
    """

    share: float
    seconds: int
    member: str
    capacity: str


@dataclass(frozen=True)
class Update:
    """An update of an endpoint.

    Attributes
    ----------
    instances
        Number of instances of the new configuration.
    stages
        What happens to the requests, in order.
    alarms
        Names of the alarms that roll it back.
    """

    config_name: str
    config: Mapping[str, Any]
    instances: int
    stages: Sequence[Stage]
    alarms: Sequence[str]
    started: datetime = field(default_factory=now)


def planned(
    config_name: str, config: Mapping[str, Any], instances: int, request: Mapping[str, Any]
) -> Update:
    """Return the update that a request of UpdateEndpoint asks for.

    Parameters
    ----------
    config_name, config
        The new configuration.
    instances
        Number of its instances.
    request
        The request's ``DeploymentConfig``; empty if it has none.

    Raises
    ------
    ValidationError
        If AWS would refuse it, or local AWS does not implement it.
    """
    if "RollingUpdatePolicy" in request:
        raise ValidationError("Local AWS does not implement RollingUpdatePolicy; use BlueGreenUpdatePolicy.")
    policy: Mapping[str, Any] = request.get("BlueGreenUpdatePolicy") or {}
    routing: Mapping[str, Any] = policy.get("TrafficRoutingConfiguration") or {}
    wait = int(policy.get(_TERMINATION_WAIT, 0))
    everything = Stage(1.0, wait, _TERMINATION_WAIT, f"full capacity of {instances} instance(s)")
    kind = routing.get("Type", "ALL_AT_ONCE")
    if kind == "LINEAR":
        raise ValidationError("Local AWS does not implement LINEAR traffic; use ALL_AT_ONCE or CANARY.")
    stages = [everything]
    if kind == "CANARY":
        canary = _canary(routing.get("CanarySize") or {}, instances)
        capacity = f"canary capacity of {canary:g} instance(s)"
        stages.insert(0, Stage(canary / instances, int(routing[_INTERVAL]), _INTERVAL, capacity))
    baking = sum(stage.seconds for stage in stages)
    longest = int(policy.get("MaximumExecutionTimeoutInSeconds", baking + 1))
    if longest <= baking:
        raise ValidationError(
            f"MaximumExecutionTimeoutInSeconds is {longest}; it must be larger than the waiting times, which "
            f"are {baking} seconds."
        )
    rollback = request.get("AutoRollbackConfiguration") or {}
    alarms = [each["AlarmName"] for each in rollback.get("Alarms", [])]
    return Update(config_name, config, instances, stages, alarms)


def _canary(size: Mapping[str, Any], instances: int) -> float:
    """Return the number of instances of a canary, which is at most half of them."""
    if not size:
        raise ValidationError("CANARY traffic needs a CanarySize.")
    value = float(size["Value"])
    count = value if size["Type"] == "INSTANCE_COUNT" else instances * value / 100
    if count * 2 > instances:
        raise ValidationError(
            f"CanarySize is {count:g} of {instances} instance(s); it must be at most half of them."
        )
    return count
