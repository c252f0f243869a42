"""Reads the state of the service: executions, versions, endpoint, alarms and cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scripts.aws.registry import ModelVersion, describe_version, list_versions, metadata_of
from scripts.aws.session import Aws
from scripts.aws.stacks import Stack
from scripts.deploy.endpoint import FAILED_ATTEMPTS, FAILED_REASON, EndpointState, is_paused, read_endpoint
from scripts.deploy.outputs import Outputs, read_outputs
from scripts.model.contracts import champion_version
from scripts.operate import prices
from scripts.operate.price_list import hosting_price

SHOWN_VERSIONS = 5


@dataclass(frozen=True)
class LastExecution:
    """The newest execution of the pipeline."""

    id: str
    status: str
    start: datetime | None


@dataclass(frozen=True)
class Alarm:
    """An alarm of the project.

    Attributes
    ----------
    state
        ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``.
    since
        When it got into this state.
    description
        Its meaning, and the section of the runbook about it.
    """

    name: str
    state: str
    since: datetime
    description: str


@dataclass(frozen=True)
class Status:
    """The state of the service.

    Attributes
    ----------
    local
        Whether it is deployed to local AWS.
    key_required
        Whether predictions need an API key.
    cost
        The estimated cost of the endpoint; None on local AWS, which costs nothing.
    """

    project: str
    local: bool
    account: str
    region: str
    pipeline: str
    execution: LastExecution | None
    packages: tuple[ModelVersion, ...]
    endpoint: EndpointState
    champion_version: str | None
    paused: bool
    api_url: str
    key_required: bool
    commit: str
    alarms: tuple[str, ...]
    dead_letters: int
    cost: prices.Estimate | None


def read_status(aws: Aws, alarms: Sequence[Alarm] | None = None) -> Status:
    """Read the state of the service without changing anything.

    Parameters
    ----------
    alarms
        The project's alarms, if they have just been read.

    Raises
    ------
    DeploymentError
        If the service is not deployed.
    """
    project, outputs = aws.project, read_outputs(aws)
    endpoint = read_endpoint(aws)
    return Status(
        project=project.name,
        local=aws.is_local,
        account=project.account,
        region=project.region,
        pipeline=outputs.pipeline_name,
        execution=_last_execution(aws),
        packages=tuple(
            replace(version, failure=_failure(aws, version)) for version in list_versions(aws, SHOWN_VERSIONS)
        ),
        endpoint=endpoint,
        champion_version=champion_version(aws),
        paused=is_paused(aws, outputs),
        api_url=outputs.api_url,
        key_required=outputs.needs_api_key,
        commit=outputs.commit,
        alarms=tuple(
            each.name for each in (read_alarms(aws) if alarms is None else alarms) if each.state == "ALARM"
        ),
        dead_letters=_dead_letters(aws, outputs),
        cost=None if aws.is_local else _estimate(aws, endpoint),
    )


def _failure(aws: Aws, version: ModelVersion) -> str | None:
    if not version.is_approved:
        return None
    notes = metadata_of(describe_version(aws, version.arn))
    if FAILED_REASON not in notes:
        return None
    return f"deployment failed {notes[FAILED_ATTEMPTS]} ×: {notes[FAILED_REASON]}"


def _last_execution(aws: Aws) -> LastExecution | None:
    from pipeline.service import list_executions

    for execution in list_executions(aws.client("sagemaker"), aws.project.pipeline, limit=1):
        return LastExecution(execution.id, execution.status, execution.start)
    return None


def read_alarms(aws: Aws) -> tuple[Alarm, ...]:
    """Return the project's alarms by name."""
    # The stack lists the names. A prefix could also match another project's alarms.
    names = Stack(aws, aws.project.service_stack).resources("AWS::CloudWatch::Alarm")
    answer = aws.client("cloudwatch").describe_alarms(AlarmNames=names, MaxRecords=100) if names else {}
    alarms = (
        Alarm(
            each["AlarmName"],
            each["StateValue"],
            each["StateUpdatedTimestamp"],
            each.get("AlarmDescription", ""),
        )
        for each in answer.get("MetricAlarms", [])
    )
    return tuple(sorted(alarms, key=lambda each: each.name))


def _dead_letters(aws: Aws, outputs: Outputs) -> int:
    answer = aws.client("sqs").get_queue_attributes(
        QueueUrl=outputs.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _estimate(aws: Aws, endpoint: EndpointState) -> prices.Estimate:
    region = aws.project.region
    if endpoint.status is None:
        return prices.without_endpoint()
    if endpoint.memory_mb is not None:
        return prices.of_serverless(region, endpoint.memory_mb)
    kind, count = endpoint.instance_type or "unknown", endpoint.instance_count or 1
    listed = hosting_price(aws, kind)
    return prices.of_instances(region, kind, count, endpoint.pending_instances, listed)
