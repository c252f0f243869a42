"""Transform jobs as they are waited for, stopped and asked what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.session import Aws

ENDED = frozenset({"Completed", "Failed", "Stopped"})
_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_SHOWN_LINES = 5


def stop(aws: Aws, name: str) -> None:
    """Stop the job and wait until it has ended: what it reads and writes is removed next."""
    sagemaker = aws.client("sagemaker")
    unless_ended(sagemaker.stop_transform_job, TransformJobName=name)
    while True:
        described = unless_ended(sagemaker.describe_transform_job, TransformJobName=name)
        if described is None or described["TransformJobStatus"] in ENDED:
            return
        pause(aws)


def unless_ended(call: Callable[..., Any], **request: str) -> Any:
    """Make a call that may come too late, or about a job that was refused: then return None."""
    from botocore.exceptions import ClientError

    try:
        return call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFound", "ValidationException"}:
            raise
        return None


def pause(aws: Aws) -> None:
    """Wait before the job is looked at again."""
    time.sleep(0.2 if aws.is_local else 10)


def last_log_lines(aws: Aws, name: str) -> str:
    """Return the end of what the platform says of the job's data, for an error."""
    from botocore.exceptions import ClientError

    logs = aws.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=_LOG_GROUP, logStreamNamePrefix=f"{name}/")
        names = [each["logStreamName"] for each in streams["logStreams"]]
        chosen = next((each for each in names if each.endswith("data-log")), None)
        if chosen is None:
            return ""
        events = logs.get_log_events(logGroupName=_LOG_GROUP, logStreamName=chosen, limit=_SHOWN_LINES)
    except ClientError as error:
        return f" Its log in {_LOG_GROUP} can't be read ({error.response['Error']['Code']})."
    return "".join(f"\n  {event['message']}" for event in events["events"])
