"""Starts and finds executions of the pipeline, and reads their evaluations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from shlex import quote
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.aws.files import SCHEME, read_if_present, split_uri
from scripts.aws.session import Aws
from scripts.data.upload import exists, newest_upload
from scripts.errors import ScriptError
from steps.dataset.known_files import SAMPLE_FILE_NAME

if TYPE_CHECKING:
    from pipeline.service import Execution


class ExecutionError(ScriptError):
    """An execution does not exist, could not be started or stopped, or did not succeed."""

    code = "execution_failed"


def start_execution(aws: Aws, parameters: Mapping[str, str], *, token: str | None = None) -> tuple[str, str]:
    """Start an execution, by default on the newest upload; return its ARN and the URI of its data.

    If an execution was started with the same token before, its ARN is returned, and none is started.

    Raises
    ------
    ExecutionError
        If there is no data, or a parameter is out of its range, or SageMaker rejects the parameters.
    """
    from pipeline.service import start

    _check_ranges(parameters)
    uri = parameters.get("InputDataUri") or newest_upload(aws)
    if uri is None:
        raise ExecutionError(
            f"s3://{aws.project.bucket}/data/ has no data yet.", "Run `bankruptcy data upload` first."
        )
    if "InputDataUri" in parameters:
        _check_uri(aws, uri)
    try:
        chosen = {**parameters, "InputDataUri": uri}
        return start(aws.client("sagemaker"), aws.project, chosen, token=token), uri
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFound":
            raise  # there is no pipeline; scripts.aws.failures explains it
        reason = error.response["Error"]["Message"]
        raise ExecutionError(f"The execution was not started: {reason}") from error


def _check_ranges(parameters: Mapping[str, str]) -> None:
    """Raise an error if a number is out of its range. Otherwise the execution would fail minutes later."""
    from pipeline.parameters import RANGES

    for name, (least, most) in RANGES.items():
        value = parameters.get(name)
        with suppress(ValueError):  # SageMaker rejects non-numbers
            if value is not None and not least <= float(value) <= most:
                problem = f"{name} is {value}; it must be between {least:.0f} and {most:.0f}."
                raise ExecutionError(f"The execution was not started: {problem}")


def _check_uri(aws: Aws, uri: str) -> None:
    """Raise an error if there is no data at a URI; the execution would only fail minutes later."""
    if not uri.startswith(SCHEME):
        upload = f"bankruptcy data upload --data {quote(uri)}"
        raise ExecutionError(
            f"{uri} is not an S3 URI (s3://bucket/key).", f"`{upload}` uploads the file and prints its URI."
        )
    bucket, _ = split_uri(uri)
    if not bucket or not exists(aws, uri):
        raise ExecutionError(
            f"There is no data at {uri}.",
            "`bankruptcy data upload --data PATH` uploads a file and prints its URI.",
        )


def stop_execution(aws: Aws, arn: str) -> None:
    """Stop a running execution.

    Raises
    ------
    ExecutionError
        If SageMaker rejects that, for example because it has ended.
    """
    from pipeline.service import stop

    try:
        stop(aws.client("sagemaker"), arn)
    except ClientError as error:
        reason = error.response["Error"]["Message"]
        raise ExecutionError(f"The execution was not stopped: {reason}") from error


def retry_execution(aws: Aws, arn: str) -> None:
    """Run the failed, stopped and remaining steps of an execution.

    Raises
    ------
    ExecutionError
        If SageMaker rejects that, for example because the execution has succeeded.
    """
    from pipeline.service import retry

    try:
        retry(aws.client("sagemaker"), arn)
    except ClientError as error:
        reason = error.response["Error"]["Message"].rstrip(".")
        raise ExecutionError(
            f"The execution was not retried: {reason}.", "`bankruptcy pipeline start` starts a new one."
        ) from error


def resolve_execution(aws: Aws, arn_or_id: str | None) -> str:
    """Return the ARN of an execution.

    Parameters
    ----------
    arn_or_id
        An ARN, the id at its end, or None for the newest execution.

    Raises
    ------
    ExecutionError
        If there is no such execution.
    """
    from pipeline.service import list_executions

    if arn_or_id and arn_or_id.startswith("arn:"):
        return arn_or_id
    known = list_executions(aws.client("sagemaker"), aws.project.pipeline)
    for execution in known:
        if arn_or_id in {None, execution.id}:
            return execution.arn
    if arn_or_id is None:
        raise ExecutionError(
            f"The pipeline {aws.project.pipeline} has no execution yet.",
            "Start one with `bankruptcy pipeline start`.",
        )
    raise ExecutionError(
        f"No recent execution of {aws.project.pipeline} is called {arn_or_id}.",
        "List them with `bankruptcy pipeline list`.",
    )


def uses_sample(execution: Execution) -> bool:
    """Return whether an execution ran on generated sample data."""
    return execution.parameters.get("InputDataUri", "").endswith(f"/{SAMPLE_FILE_NAME}")


def read_evaluation(aws: Aws, execution: Execution) -> dict[str, Any] | None:
    """Return the evaluation.json of an execution; None if it has none yet."""
    content = read_if_present(aws, aws.project.evaluation_uri(execution.id))
    return json.loads(content) if content else None
