"""The service from day to day: how it is, taking the endpoint down to save its cost, bringing it back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from scripts import prices
from scripts.deployment import Outputs, is_local, read_outputs
from scripts.stacks import Stack

if TYPE_CHECKING:
    import boto3

    from pipeline.project import Project

CONTRACT_KEY = "reigning/contract.json"
SHOWN_PACKAGES = 5
TIMEOUT_SECONDS = 1800.0
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
# The function may run for 120 s; giving up on it earlier would call it twice.
_PATIENT = Config(read_timeout=130)
_FAILED_CALLS = 3


class OperationError(Exception):
    """What was asked for did not come about; the text says why and what to do."""


@dataclass(frozen=True)
class LastExecution:
    """The newest execution of the pipeline."""

    id: str
    status: str
    start: datetime | None


@dataclass(frozen=True)
class PackageState:
    """A version in the registry."""

    version: int
    approval: str
    created: datetime


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
    published_version: str | None
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
        packages=_packages(session, project, limit=SHOWN_PACKAGES),
        endpoint=endpoint,
        published_version=published_version(session, outputs),
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
    return _paused_parameter(session, outputs) != "false"


def published_version(session: boto3.Session, outputs: Outputs) -> str | None:
    """Return the version that the API's contract names; None before the first deployment."""
    try:
        body = session.client("s3").get_object(Bucket=outputs.bucket_name, Key=CONTRACT_KEY)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    return str(json.load(body)["version"])


@dataclass(frozen=True)
class _Patience:
    """How to wait: what to tell, for how long, with which clock."""

    on_change: Callable[[str], None]
    timeout: float
    pause: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]


def pause(
    session: boto3.Session,
    project: Project,
    *,
    on_change: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Have the endpoint deleted and wait until it is gone; return whether it was there.

    The service remembers that it is paused. Models, packages and the API stay; approving a version
    while paused deploys nothing until `resume`.

    Parameters
    ----------
    on_change
        Told each new state of the endpoint.
    timeout
        Seconds to wait at most.

    Raises
    ------
    OperationError
        If it is not gone in time, or deploy_model failed.
    """
    outputs = read_outputs(session.client("cloudformation"), project)
    _set_paused(session, outputs, paused=True)
    there = read_endpoint(session, project).status is not None

    def gone(endpoint: EndpointState) -> bool:
        return endpoint.status is None

    patience = _patience(session, on_change, timeout, sleep, clock)
    _reconcile_until(session, project, outputs, gone, patience, "the endpoint is gone")
    return there


def resume(
    session: boto3.Session,
    project: Project,
    *,
    on_change: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str | None:
    """Have the newest approved version deployed and wait until it serves; return that version.

    Parameters
    ----------
    on_change, timeout
        As for `pause`.

    Returns
    -------
    str or None
        None where no version is approved: the first approval will then be deployed.

    Raises
    ------
    OperationError
        If it does not serve in time, was given up as unfit, or deploy_model failed.
    """
    outputs = read_outputs(session.client("cloudformation"), project)
    _set_paused(session, outputs, paused=False)
    wanted = _newest_approved(session, project)
    if wanted is None:
        return None

    def served(endpoint: EndpointState) -> bool:
        serving = endpoint.status == "InService" and endpoint.version == wanted
        return serving and published_version(session, outputs) == wanted

    patience = _patience(session, on_change, timeout, sleep, clock)
    _reconcile_until(session, project, outputs, served, patience, f"version {wanted} is served", wanted)
    return wanted


def _patience(
    session: boto3.Session,
    on_change: Callable[[str], None],
    timeout: float,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> _Patience:
    local = is_local(session.client("sagemaker"))
    return _Patience(on_change, timeout, 0.2 if local else 10.0, sleep, clock)


def _reconcile_until(
    session: boto3.Session,
    project: Project,
    outputs: Outputs,
    done: Callable[[EndpointState], bool],
    patience: _Patience,
    wish: str,
    wanted: str | None = None,
) -> None:
    """Call deploy_model, which takes one step a call, until the endpoint is as wished.

    Events call it as well; two calls side by side end as one.
    """
    deadline = patience.clock() + patience.timeout
    seen: str | None = None
    failures = 0
    while True:
        endpoint = read_endpoint(session, project)
        state = endpoint.status or "not there"
        if state != seen:
            patience.on_change(state)
            seen = state
        if done(endpoint):
            return
        if patience.clock() >= deadline:
            raise OperationError(
                f"After {patience.timeout:.0f} s it is still not so that {wish}; the endpoint is {state}. "
                f"The log /aws/lambda/{outputs.deploy_function_name} says what deploy_model did. Run the "
                "command again to wait on."
            )
        if endpoint.status not in MOVING:
            step, error = _call_deploy_model(session, outputs)
            failures = failures + 1 if error else 0
            if failures == _FAILED_CALLS:
                raise OperationError(
                    f"{outputs.deploy_function_name} failed {_FAILED_CALLS} times, last with: {error}. "
                    f"Its log is /aws/lambda/{outputs.deploy_function_name}."
                )
            _refuse_given_up(step, wanted)
        patience.sleep(patience.pause)


def _call_deploy_model(session: boto3.Session, outputs: Outputs) -> tuple[dict[str, Any], str | None]:
    """Return the step that deploy_model took, and its error if it failed."""
    answer = session.client("lambda", config=_PATIENT).invoke(
        FunctionName=outputs.deploy_function_name, Payload=json.dumps({"source": "bankruptcy.cli"}).encode()
    )
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        return {}, str(body.get("errorMessage", answer["FunctionError"]))
    return body, None


def _refuse_given_up(step: dict[str, Any], wanted: str | None) -> None:
    if wanted is None:
        return
    reason = step.get("unfit", {}).get(wanted)
    if reason is None and wanted not in step.get("given_up", []):
        return
    raise OperationError(
        f"Version {wanted} was given up: {reason or 'its deployment failed too often'}. "
        f"`bankruptcy model show {wanted}` has the notes. Reject it, and an older approved version is "
        "served; or reject and approve it again for new tries."
    )


def _set_paused(session: boto3.Session, outputs: Outputs, *, paused: bool) -> None:
    wanted = str(paused).lower()
    if _paused_parameter(session, outputs) != wanted:
        name = outputs.paused_parameter_name
        session.client("ssm").put_parameter(Name=name, Value=wanted, Overwrite=True)


def _paused_parameter(session: boto3.Session, outputs: Outputs) -> str:
    """Return ``true``, ``false``, or what a `destroy` under way wrote."""
    answer = session.client("ssm").get_parameter(Name=outputs.paused_parameter_name)
    return answer["Parameter"]["Value"]


def _newest_approved(session: boto3.Session, project: Project) -> str | None:
    packages = _packages(session, project)
    return next((str(package.version) for package in packages if package.approval == "Approved"), None)


def _packages(session: boto3.Session, project: Project, limit: int | None = None) -> tuple[PackageState, ...]:
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
        PackageState(item["ModelPackageVersion"], item.get("ModelApprovalStatus", ""), item["CreationTime"])
        for page in pages
        for item in page["ModelPackageSummaryList"]
    ]
    return tuple(sorted(found, key=lambda package: -package.version))


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
