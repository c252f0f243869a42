"""Reads what deploy_model has done to the endpoint from its log: deployments, rollbacks and pauses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from scripts.aws.failures import unless_gone
from scripts.aws.session import Aws
from scripts.deploy.endpoint import version_of

# How far back the log is read. By default, it is kept for as long (LogRetentionDays).
DAYS = 30
# Matches a line with any of these words. Steps that changed and found nothing have none of them.
_PATTERN = " ".join(
    f"?{word}"
    for word in (
        "create_endpoint",
        "update_endpoint",
        "delete_endpoint",
        "publish",
        "rolled_back",
        "aborted",
        "unfit",
        "blocked",
    )
)


@dataclass(frozen=True)
class Deployment:
    """Something that happened to the endpoint.

    Attributes
    ----------
    kind
        ``started``, ``served`` (a version is in service), ``failed`` or ``ended`` (the endpoint was deleted).
    version
        The version concerned; None if there is none.
    text
        What happened, as a sentence.
    """

    time: datetime
    kind: Literal["started", "served", "failed", "ended"]
    version: str | None
    text: str


def read_deployments(aws: Aws) -> list[Deployment]:
    """Return what happened to the endpoint in the last 30 days, newest first.

    It is empty before the first deployment, and if the log does not exist.
    """
    found: list[Deployment] = []
    for time, step in _steps(aws):
        for kind, version, text in _events(aws, step):
            # While an update is rolled back or blocked, every step repeats it.
            if not any((each.kind, each.text) == (kind, text) for each in found[-1:]):
                found.append(Deployment(time, kind, version, text))
    return found[::-1]


def _steps(aws: Aws) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    """Yield the logged steps of deploy_model with their times, oldest first."""
    group = f"/aws/lambda/{aws.project.deploy_function}"
    since = datetime.now(UTC) - timedelta(days=DAYS)
    request: dict[str, Any] = {
        "logGroupName": group,
        "startTime": int(since.timestamp() * 1000),
        "filterPattern": _PATTERN,
    }
    while True:
        answer = unless_gone(aws.client("logs").filter_log_events, **request)
        for event in (answer or {}).get("events", []):
            step = _step(event["message"])
            if step is not None:
                yield datetime.fromtimestamp(event["timestamp"] / 1000, UTC), step
        if not answer or "nextToken" not in answer:
            return
        request["nextToken"] = answer["nextToken"]


def _step(message: str) -> Mapping[str, Any] | None:
    try:
        line = json.loads(message)
    except ValueError:  # Lambda's own lines
        return None
    is_step = isinstance(line, dict) and line.get("message") == "reconciled"
    return line["step"] if is_step and isinstance(line.get("step"), dict) else None


def _events(
    aws: Aws, step: Mapping[str, Any]
) -> Iterator[tuple[Literal["started", "served", "failed", "ended"], str | None, str]]:
    """Yield kind, version and text of each event that a logged step of deploy_model reports."""
    for version, reason in step.get("rolled_back", {}).items():
        yield "failed", version, f"Version {version} was rolled back: {reason}"
    for version, reason in step.get("unfit", {}).items():
        yield "failed", version, f"Version {version} was given up: {reason}"
    if "aborted" in step:
        yield "failed", step["aborted"], f"The update to version {step['aborted']} is being rolled back."
    if "blocked" in step:
        yield "failed", None, step["blocked"]
    version = step.get("version")
    match step.get("action"):
        case "create_endpoint":
            yield "started", version, f"An endpoint with version {version} is being created."
        case "update_endpoint":
            old = version_of(aws.project, step.get("from", ""))
            replaced = f", to replace version {old}" if old not in (None, version) else ""
            yield "started", version, f"Version {version} is being deployed{replaced}."
        case "publish":
            yield "served", version, f"Version {version} is in service and the champion."
        case "delete_endpoint":
            yield "ended", None, f"The endpoint is being deleted. {step.get('reason', '')}"
