"""How the service is: pipeline, versions, endpoint, alarms and what it costs."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.aws.stacks import Stack
from scripts.deploy.deployment import Outputs, read_outputs
from scripts.model.contracts import champion_version
from scripts.operate import prices

if TYPE_CHECKING:
    import boto3

    from pipeline.project import Project

SHOWN_PACKAGES = 5
_MOST_DEPLOYMENTS = 3  # then deploy_model gives a version up
_SERVING = frozenset({"InService", "RollingBack", "SystemUpdating", "Updating"})


@dataclass(frozen=True)
class LastExecution:
    """The newest execution of the pipeline."""

    id: str
    status: str
    start: datetime | None


@dataclass(frozen=True)
class PackageState:
    """A version in the registry.

    Parameters
    ----------
    failure
        How often its deployment failed and why, as deploy_model noted it; None where it did not.
    """

    version: int
    approval: str
    created: datetime
    arn: str
    failure: str | None = None


@dataclass(frozen=True)
class EndpointState:
    """The endpoint.

    Parameters
    ----------
    status
        SageMaker's word, such as ``InService``; None where there is no endpoint.
    version
        The model package version that its configuration serves.
    mode
        ``instance`` or ``serverless``.
    """

    status: str | None
    version: str | None = None
    mode: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    memory_mb: int | None = None
    max_concurrency: int | None = None
    failure_reason: str | None = None

    @property
    def serves(self) -> bool:
        """Whether it answers requests."""
        return self.status in _SERVING


@dataclass(frozen=True)
class Status:
    """All that a person wants to know at a glance."""

    project: str
    account: str
    region: str
    pipeline: str
    execution: LastExecution | None
    packages: tuple[PackageState, ...]
    endpoint: EndpointState
    champion_version: str | None
    paused: bool
    api_url: str
    alarms: tuple[str, ...]
    dead_letters: int
    cost: prices.Estimate

    def as_json(self) -> str:
        """Return it as JSON, times in ISO 8601."""
        return json.dumps(asdict(self), default=lambda moment: moment.isoformat(), indent=2)


def read_status(session: boto3.Session, project: Project) -> Status:
    """Look at everything and change nothing.

    Raises
    ------
    DeploymentError
        If the service is not deployed.
    """
    outputs = read_outputs(session.client("cloudformation"), project)
    endpoint = read_endpoint(session, project)
    return Status(
        project=project.name,
        account=project.account,
        region=project.region,
        pipeline=outputs.pipeline_name,
        execution=_last_execution(session, project),
        packages=tuple(
            replace(package, failure=_failure(session, package))
            for package in read_packages(session, project, limit=SHOWN_PACKAGES)
        ),
        endpoint=endpoint,
        champion_version=champion_version(session.client("s3"), outputs.bucket_name),
        paused=is_paused(session, outputs),
        api_url=outputs.api_url,
        alarms=_alarms(session, project),
        dead_letters=_dead_letters(session, outputs),
        cost=_estimate(project.region, endpoint),
    )


def read_endpoint(session: boto3.Session, project: Project) -> EndpointState:
    """Return the endpoint's state; its status is None where there is none."""
    sagemaker: Any = session.client("sagemaker")
    try:
        endpoint = sagemaker.describe_endpoint(EndpointName=project.endpoint)
        name = endpoint.get("EndpointConfigName", "")
        config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        # SageMaker has no code of its own for what is not there. The second call fails so, too, where the
        # endpoint went in between.
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return EndpointState(None)
    variant = config["ProductionVariants"][0]
    serverless = variant.get("ServerlessConfig", {})
    running: dict[str, Any] = next(iter(endpoint.get("ProductionVariants", [])), {})
    generation = re.fullmatch(rf"{re.escape(project.name)}-v(\d+)-[0-9a-f]+", name)
    return EndpointState(
        status=endpoint["EndpointStatus"],
        version=generation[1] if generation else None,
        mode="serverless" if serverless else "instance",
        instance_type=variant.get("InstanceType"),
        instance_count=running.get("CurrentInstanceCount") or variant.get("InitialInstanceCount"),
        memory_mb=serverless.get("MemorySizeInMB"),
        max_concurrency=serverless.get("MaxConcurrency"),
        failure_reason=endpoint.get("FailureReason"),
    )


def is_paused(session: boto3.Session, outputs: Outputs) -> bool:
    """Whether the service is paused."""
    return paused_parameter(session, outputs) != "false"


def paused_parameter(session: boto3.Session, outputs: Outputs) -> str:
    """Return ``true``, ``false``, or what a `destroy` under way wrote."""
    answer = session.client("ssm").get_parameter(Name=outputs.paused_parameter_name)
    return answer["Parameter"]["Value"]


def read_packages(
    session: boto3.Session, project: Project, limit: int | None = None
) -> tuple[PackageState, ...]:
    """Return the versions, newest first."""
    pages = (
        session.client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=project.model_package_group,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"MaxItems": limit} if limit else {},
        )
    )
    found = [
        PackageState(
            version=item["ModelPackageVersion"],
            approval=item.get("ModelApprovalStatus", ""),
            created=item["CreationTime"],
            arn=item["ModelPackageArn"],
        )
        for page in pages
        for item in page["ModelPackageSummaryList"]
    ]
    return tuple(sorted(found, key=lambda package: -package.version))


def next_version(session: boto3.Session, project: Project, without: int) -> int | None:
    """Return the version that deploy_model would serve if `without` were not approved."""
    for package in read_packages(session, project):
        if package.approval == "Approved" and package.version != without:
            attempts = _metadata(session, package).get("DeploymentFailedAttempts", "0")
            if int(attempts) < _MOST_DEPLOYMENTS:
                return package.version
    return None


def _metadata(session: boto3.Session, package: PackageState) -> dict[str, str]:
    described = session.client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    return described.get("CustomerMetadataProperties", {})


def _failure(session: boto3.Session, package: PackageState) -> str | None:
    if package.approval != "Approved":
        return None
    notes = _metadata(session, package)
    if "DeploymentFailedReason" not in notes:
        return None
    return f"deployment failed {notes['DeploymentFailedAttempts']} ×: {notes['DeploymentFailedReason']}"


def _last_execution(session: boto3.Session, project: Project) -> LastExecution | None:
    from pipeline.service import list_executions

    for execution in list_executions(session.client("sagemaker"), project, limit=1):
        return LastExecution(execution.id, execution.status, execution.start)
    return None


def _alarms(session: boto3.Session, project: Project) -> tuple[str, ...]:
    """Return the names of the project's alarms that are in ALARM."""
    # By the stack, not by a prefix: another project's name may begin with this one's.
    names = Stack(session.client("cloudformation"), project.service_stack).resources("AWS::CloudWatch::Alarm")
    alarms = session.client("cloudwatch").describe_alarms(AlarmNames=names, StateValue="ALARM")[
        "MetricAlarms"
    ]
    # Local AWS does not filter by state.
    return tuple(sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"))


def _dead_letters(session: boto3.Session, outputs: Outputs) -> int:
    answer = session.client("sqs").get_queue_attributes(
        QueueUrl=outputs.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _estimate(region: str, endpoint: EndpointState) -> prices.Estimate:
    if endpoint.status is None:
        return prices.without_endpoint()
    if endpoint.memory_mb is not None:
        return prices.of_serverless(region, endpoint.memory_mb)
    return prices.of_instances(region, endpoint.instance_type or "unknown", endpoint.instance_count or 1)
