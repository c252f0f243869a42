"""Transform jobs as they are waited for, stopped and asked what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scripts.aws.failures import unless_changed

if TYPE_CHECKING:
    from scripts.aws.session import Aws

ENDED = frozenset({"Completed", "Failed", "Stopped"})
_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_SHOWN_LINES = 5


def stop(sagemaker: Any, name: str, pause: Callable[[], None]) -> bool:
    """Stop a job and wait until it has ended: what it reads and writes is removed next.

    Returns
    -------
    bool
        Whether it ran; there need be no such job.
    """
    ran = is_running(sagemaker, name)
    if ran:
        unless_changed(sagemaker.stop_transform_job, TransformJobName=name)
    while is_running(sagemaker, name):
        pause()
    return ran


def is_running(sagemaker: Any, name: str) -> bool:
    """Tell whether there is a job of that name which has not ended."""
    described = unless_changed(sagemaker.describe_transform_job, TransformJobName=name)
    return described is not None and described["TransformJobStatus"] not in ENDED


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
