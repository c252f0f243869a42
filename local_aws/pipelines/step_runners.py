"""Runs each type of step with the API calls that the service makes for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_aws.base.clients import Clients
from local_aws.base.ids import random_id
from local_aws.pipelines.executions import Execution, StepRecord
from local_aws.pipelines.retries import delays, exception_type

_FIRST_POLL_SECONDS = 0.05
_SLOWEST_POLL_SECONDS = 2.0
# The longer a job has run or waited, the less often it is polled. Otherwise fifty executions, each polling
# several times a second, would occupy a core.
_POLL_SHARE = 0.05
_LONGEST_JOB_NAME = 63


class StepError(Exception):
    """A step that failed; the message is its FailureReason.

    Parameters
    ----------
    message : str
        The reason.
    exception : str, optional
        Exception type of the failure in retry policies.
    """

    def __init__(self, message: str, exception: str | None = None) -> None:
        super().__init__(message)
        self.exception = exception


class StepStoppedError(Exception):
    """A step that ended because its execution was stopped."""


@dataclass(frozen=True)
class StepContext:
    """A step with resolved arguments, and the clients and records that running it needs."""

    execution: Execution
    record: StepRecord
    step: Mapping[str, Any]
    arguments: dict[str, Any]
    clients: Clients


@dataclass(frozen=True)
class Outcome:
    """The result of a successful step: metadata for the list of steps, properties for later steps."""

    metadata: dict[str, Any]
    properties: dict[str, Any]


@dataclass(frozen=True)
class _JobKind:
    operation: str
    prefix: str
    metadata: str


_PROCESSING = _JobKind("processing_job", "ProcessingJob", "ProcessingJob")
_TRAINING = _JobKind("training_job", "TrainingJob", "TrainingJob")


def _run_processing(context: StepContext) -> Outcome:
    return _with_retries(context, lambda: _run_job(context, _PROCESSING))


def _run_training(context: StepContext) -> Outcome:
    return _with_retries(context, lambda: _run_job(context, _TRAINING))


def _with_retries(context: StepContext, attempt: Callable[[], Outcome]) -> Outcome:
    waits: dict[str, Iterator[float]] = {}
    while True:
        try:
            return attempt()
        except StepError as error:
            name = error.exception
            if name is None:
                raise
            policies = context.step.get("RetryPolicies") or []
            delay = next(waits.setdefault(name, delays(policies, name)), None)
            if delay is None:
                raise
            waiting = (
                f"Attempt {context.record.attempts} failed; the next one starts in {delay:.0f} s. {error}"
            )
            context.execution.change_step(context.record, "Executing", waiting)
            if context.execution.stopping.wait(delay):
                raise StepStoppedError from error
            context.record.attempts += 1
            context.execution.change_step(context.record, "Executing")


def _run_job(context: StepContext, kind: _JobKind) -> Outcome:
    sagemaker = context.clients.get("sagemaker")
    name = _job_name(context)
    arguments = {key: value for key, value in context.arguments.items() if key != f"{kind.prefix}Name"}
    created = _call(
        kind.prefix,
        lambda: getattr(sagemaker, f"create_{kind.operation}")(**{f"{kind.prefix}Name": name}, **arguments),
    )
    context.execution.note(context.record, {kind.metadata: {"Arn": created[f"{kind.prefix}Arn"]}})
    job = _await_job(context, kind, name)
    status = job[f"{kind.prefix}Status"]
    if status == "Completed":
        return Outcome(context.record.metadata, job)
    if status == "Stopped" and context.execution.stopping.is_set():
        raise StepStoppedError
    reason = job.get("FailureReason") or f"{kind.prefix} {name} was stopped."
    message = job.get("ExitMessage", "")
    if message and message.rstrip(".") not in reason:
        reason = f"{reason} {message}"
    raise StepError(f"ClientError: {reason}", exception_type(reason, while_creating=False))


def _await_job(context: StepContext, kind: _JobKind, name: str) -> dict[str, Any]:
    sagemaker = context.clients.get("sagemaker")
    began = time.monotonic()
    stopped = False
    while True:
        job: dict[str, Any] = getattr(sagemaker, f"describe_{kind.operation}")(**{f"{kind.prefix}Name": name})
        if job[f"{kind.prefix}Status"] in {"Completed", "Failed", "Stopped"}:
            job.pop("ResponseMetadata", None)
            return job
        if context.execution.stopping.is_set() and not stopped:
            context.execution.change_step(context.record, "Stopping")
            _stop_job(sagemaker, kind, name)
            stopped = True
        if stopped:
            time.sleep(_FIRST_POLL_SECONDS)
        else:
            share = (time.monotonic() - began) * _POLL_SHARE
            context.execution.stopping.wait(min(max(share, _FIRST_POLL_SECONDS), _SLOWEST_POLL_SECONDS))


def _stop_job(sagemaker: Any, kind: _JobKind, name: str) -> None:
    try:
        getattr(sagemaker, f"stop_{kind.operation}")(**{f"{kind.prefix}Name": name})
    except ClientError as error:
        # The job may have ended just before; the next poll shows its status.
        if error.response["Error"]["Code"] != "ValidationException":
            raise


def _job_name(context: StepContext) -> str:
    """Return a name in the service's form: pipelines-<execution>-<step>-<random>."""
    start, end = f"pipelines-{context.execution.id}-", f"-{random_id(10)}"
    step = context.record.name.replace("_", "-")[: _LONGEST_JOB_NAME - len(start) - len(end)].strip("-")
    return f"{start}{step}{end}"


def _call(operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise StepError(
            f"ClientError: Failed to invoke sagemaker:Create{operation}. Error Details: "
            f"{error.response['Error']['Message']}",
            exception_type(code, while_creating=True),
        ) from error


def _register_model(context: StepContext) -> Outcome:
    sagemaker = context.clients.get("sagemaker")
    arguments = dict(context.arguments)
    generated_by = {"GeneratedBy": context.execution.arn}
    arguments["MetadataProperties"] = {**generated_by, **arguments.get("MetadataProperties", {})}
    arn = _call("ModelPackage", lambda: sagemaker.create_model_package(**arguments))["ModelPackageArn"]
    properties = sagemaker.describe_model_package(ModelPackageName=arn)
    properties.pop("ResponseMetadata", None)
    return Outcome({"RegisterModel": {"Arn": arn}}, properties)


def _create_model(context: StepContext) -> Outcome:
    sagemaker = context.clients.get("sagemaker")
    arguments = {key: value for key, value in context.arguments.items() if key != "ModelName"}
    name = _job_name(context)
    created = _call("Model", lambda: sagemaker.create_model(ModelName=name, **arguments))
    properties = sagemaker.describe_model(ModelName=name)
    properties.pop("ResponseMetadata", None)
    return Outcome({"Model": {"Arn": created["ModelArn"]}}, properties)


def _fail(context: StepContext) -> Outcome:
    message = str(context.arguments["ErrorMessage"])
    context.execution.note(context.record, {"Fail": {"ErrorMessage": message}})
    raise StepError(message)


RUNNERS: dict[str, Callable[[StepContext], Outcome]] = {
    "Processing": _run_processing,
    "Training": _run_training,
    "RegisterModel": _register_model,
    "Model": _create_model,
    "Fail": _fail,
}
