"""Reads the endpoint's state, and whether the service is paused."""

import re
from dataclasses import dataclass
from typing import Any

from pipeline.project import Project
from scripts.aws.failures import unless_gone
from scripts.aws.session import Aws
from scripts.deploy.outputs import Outputs

# Facts about deploy_model, which can't be imported; tests compare them with its own.
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
MAX_ATTEMPTS = 3
FAILED_ATTEMPTS = "DeploymentFailedAttempts"
FAILED_REASON = "DeploymentFailedReason"
# `destroy` sets the paused parameter to this value.
BEING_DESTROYED = "destroying"

_SERVING = frozenset({"InService", "RollingBack", "SystemUpdating", "UpdateRollbackFailed", "Updating"})


@dataclass(frozen=True)
class EndpointState:
    """The state of the endpoint.

    Parameters
    ----------
    status
        SageMaker's status, such as ``InService``; None if there is no endpoint.
    version
        The version that its configuration serves.
    mode
        ``instance`` or ``serverless``.
    pending_version
        The version that an update is deploying.
    pending_instances
        The number of its instances, which run beside those of `version`.
    bakes
        Whether the pending version already answers requests while its alarms are watched.
    """

    status: str | None
    version: str | None = None
    mode: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    memory_mb: int | None = None
    max_concurrency: int | None = None
    failure_reason: str | None = None
    pending_version: str | None = None
    pending_instances: int = 0
    bakes: bool = False

    @property
    def text(self) -> str:
        """The status, and the version that is being deployed."""
        status = self.status or "not there"
        if self.pending_version is None:
            return status
        return f"{status}, version {self.pending_version} {'bakes' if self.bakes else 'starts'}"

    @property
    def serves(self) -> bool:
        """Whether it answers requests."""
        return self.status in _SERVING

    @property
    def will_serve(self) -> bool:
        """Whether it answers requests, or will once it has been created."""
        return self.serves or self.status == "Creating"


def rollback_alarms(aws: Aws) -> list[str]:
    """Return the names of the alarms that deploy_model made for its updates."""
    config = rf"{re.escape(aws.project.name)}-v\d+-[0-9a-f]{{8}}"
    # A prefix alone could also match another project's alarms.
    ours = re.compile(rf"{re.escape(aws.project.name)}-rollback-(errors|latency)-{config}")
    alarms = aws.list_all(
        "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{aws.project.name}-rollback-"
    )
    return [alarm["AlarmName"] for alarm in alarms if ours.fullmatch(alarm["AlarmName"])]


def version_of(project: Project, name: str) -> str | None:
    """Return the version in the name of a model or endpoint configuration; None if another tool made it."""
    match = re.fullmatch(rf"{re.escape(project.name)}-v(\d+)-[0-9a-f]{{8}}", name)
    return match[1] if match else None


def read_endpoint(aws: Aws) -> EndpointState:
    """Return the state of the endpoint; its status is None if it does not exist."""
    sagemaker = aws.client("sagemaker")
    endpoint = unless_gone(sagemaker.describe_endpoint, EndpointName=aws.project.endpoint)
    name = (endpoint or {}).get("EndpointConfigName", "")
    # The configuration may be deleted between the two calls.
    config = endpoint and unless_gone(sagemaker.describe_endpoint_config, EndpointConfigName=name)
    if not config:
        return EndpointState(None)
    variant = config["ProductionVariants"][0]
    serverless = variant.get("ServerlessConfig", {})
    running: dict[str, Any] = next(iter(endpoint.get("ProductionVariants", [])), {})
    # A creation has a pending deployment, too, but nothing runs beside it.
    summary = endpoint.get("PendingDeploymentSummary", {}) if endpoint["EndpointStatus"] == "Updating" else {}
    pending: dict[str, Any] = next(iter(summary.get("ProductionVariants", [])), {})
    return EndpointState(
        status=endpoint["EndpointStatus"],
        version=version_of(aws.project, name),
        mode="serverless" if serverless else "instance",
        instance_type=variant.get("InstanceType"),
        instance_count=running.get("CurrentInstanceCount") or variant.get("InitialInstanceCount"),
        memory_mb=serverless.get("MemorySizeInMB"),
        max_concurrency=serverless.get("MaxConcurrency"),
        failure_reason=endpoint.get("FailureReason"),
        pending_version=version_of(aws.project, summary.get("EndpointConfigName", "")),
        pending_instances=pending.get("DesiredInstanceCount", 0),
        bakes=any(each["Status"] == "Baking" for each in pending.get("VariantStatus", [])),
    )


def is_paused(aws: Aws, outputs: Outputs) -> bool:
    """Return whether the service is paused."""
    return read_paused(aws, outputs) != "false"


def read_paused(aws: Aws, outputs: Outputs) -> str:
    """Return the value of the paused parameter: ``true``, ``false`` or `BEING_DESTROYED`."""
    answer = aws.client("ssm").get_parameter(Name=outputs.paused_parameter_name)
    return str(answer["Parameter"]["Value"])


def set_paused(aws: Aws, outputs: Outputs, value: str) -> None:
    """Set the paused parameter, unless it already has that value."""
    if read_paused(aws, outputs) != value:
        aws.client("ssm").put_parameter(Name=outputs.paused_parameter_name, Value=value, Overwrite=True)
