"""Names transform jobs, waits for them, stops them, and reads their logs."""

import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.project import Project
from scripts.aws.failures import unless_changed
from scripts.aws.session import Aws

ENDED = frozenset({"Completed", "Failed", "Stopped"})
_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_SHOWN_LINES = 5


def new_name(project: Project) -> str:
    """Return a new name for a scoring job and its model."""
    return f"{project.name}-score-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def is_name(project: Project, name: str) -> bool:
    """Return whether a name was made by `new_name` for this project."""
    return re.fullmatch(rf"{re.escape(project.name)}-score-\d+-\d+-[0-9a-f]+", name) is not None


def stop(aws: Aws, name: str, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Stop a job and wait until it has ended, so that its input and output can be removed.

    Returns
    -------
    bool
        Whether the job was running; also False if there is no such job.
    """
    was_running = is_running(aws, name)
    if was_running:
        unless_changed(aws.client("sagemaker").stop_transform_job, TransformJobName=name)
    while is_running(aws, name):
        sleep(aws.poll_seconds)
    return was_running


def is_running(aws: Aws, name: str) -> bool:
    """Return whether a job of that name exists and has not ended."""
    described = unless_changed(aws.client("sagemaker").describe_transform_job, TransformJobName=name)
    return described is not None and described["TransformJobStatus"] not in ENDED


def last_log_lines(aws: Aws, name: str) -> str:
    """Return the last lines of a job's data log, to be appended to an error message."""
    from botocore.exceptions import ClientError

    logs = aws.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=_LOG_GROUP, logStreamNamePrefix=f"{name}/")
        names = [stream["logStreamName"] for stream in streams["logStreams"]]
        data_log = next((stream for stream in names if stream.endswith("data-log")), None)
        if data_log is None:
            return ""
        events = logs.get_log_events(logGroupName=_LOG_GROUP, logStreamName=data_log, limit=_SHOWN_LINES)
    except ClientError as error:
        return f" Its log in {_LOG_GROUP} can't be read ({error.response['Error']['Code']})."
    return "".join(f"\n  {event['message']}" for event in events["events"])
