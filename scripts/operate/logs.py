"""Reads the log of a step's job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scripts.aws.failures import unless_gone
from scripts.aws.session import Aws

if TYPE_CHECKING:
    from pipeline.service import StepState

MOST_LINES = 1000
# SageMaker's log groups, by the kind of job in an ARN.
_GROUPS = {
    "processing-job": "/aws/sagemaker/ProcessingJobs",
    "training-job": "/aws/sagemaker/TrainingJobs",
}


@dataclass(frozen=True)
class LogLine:
    """A line of a log."""

    time: datetime
    text: str


def has_log(step: StepState) -> bool:
    """Return whether a step runs a job, which writes a log."""
    return _group(step) is not None


def step_log(aws: Aws, step: StepState) -> list[LogLine]:
    """Return the last lines of a step's log, oldest first; empty before its job writes any."""
    group = _group(step)
    if group is None or step.arn is None:
        return []
    logs, job = aws.client("logs"), step.arn.rpartition("/")[2]
    found = unless_gone(logs.describe_log_streams, logGroupName=group, logStreamNamePrefix=f"{job}/")
    lines = []
    for stream in (found or {}).get("logStreams", []):
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], limit=MOST_LINES
        )
        lines += [
            LogLine(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"].rstrip())
            for event in events["events"]
        ]
    return sorted(lines, key=lambda line: line.time)[-MOST_LINES:]


def _group(step: StepState) -> str | None:
    # arn:aws:sagemaker:REGION:ACCOUNT:KIND/NAME
    return _GROUPS.get(step.arn.rpartition(":")[2].partition("/")[0]) if step.arn else None
