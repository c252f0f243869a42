"""The history of the endpoint is read from the log of deploy_model."""

from __future__ import annotations

import json
import time
from typing import Any

from scripts.aws.session import Aws
from scripts.operate.deployments import Deployment, read_deployments

ALARM = "registry-only-rollback-errors-registry-only-v2-0123abcd: The model failed on a request."


def log(aws: Aws, *steps: dict[str, Any] | str) -> None:
    """Write lines as Lambda and deploy_model do, one a second until now."""
    logs, group = aws.client("logs"), f"/aws/lambda/{aws.project.deploy_function}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    lines = [
        step if isinstance(step, str) else json.dumps({"message": "reconciled", "step": step})
        for step in steps
    ]
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[
            {"timestamp": now - 1000 * (len(lines) - number), "message": line}
            for number, line in enumerate(lines)
        ],
    )


def without_times(events: list[Deployment]) -> list[tuple[str, str | None, str]]:
    return [(each.kind, each.version, each.text) for each in events]


def test_a_rollback_is_listed_once_and_the_newest_event_first(registry: Aws) -> None:
    config = "registry-only-v{}-0123abcd".format
    log(
        registry,
        "START RequestId: 1",
        {"action": "create_endpoint", "version": "1", "config": config(1)},
        {"action": "wait", "reason": "The endpoint is Creating."},
        {"action": "publish", "version": "1", "config": config(1)},
        {"action": "none", "version": "1", "config": config(1)},
        {"action": "update_endpoint", "version": "2", "config": config(2), "from": config(1)},
        {"action": "wait", "reason": "The endpoint is Updating.", "aborted": "2"},
        {"action": "wait", "reason": "The endpoint is Updating.", "aborted": "2"},
        {"action": "none", "version": "1", "rolled_back": {"2": ALARM}, "given_up": ["2"]},
        {"action": "none", "version": "1", "given_up": ["2"]},
        json.dumps({"message": "publish"}),
        json.dumps(["publish"]),
    )
    events = read_deployments(registry)
    assert without_times(events) == [
        ("failed", "2", f"Version 2 was rolled back: {ALARM}"),
        ("failed", "2", "The update to version 2 is being rolled back."),
        ("started", "2", "Version 2 is being deployed, to replace version 1."),
        ("served", "1", "Version 1 is in service and the champion."),
        ("started", "1", "An endpoint with version 1 is being created."),
    ]
    assert [each.time for each in events] == sorted((each.time for each in events), reverse=True)


def test_a_version_that_is_given_up_a_stuck_endpoint_and_a_pause_are_listed(registry: Aws) -> None:
    config = "registry-only-v1-0123abcd"
    log(
        registry,
        {"action": "update_endpoint", "version": "1", "config": config, "from": config},
        {"action": "none", "config": config, "unfit": {"2": "Its contract is missing."}},
        {"action": "none", "config": config, "blocked": "The last update and its rollback failed."},
        {"action": "none", "config": config, "blocked": "The last update and its rollback failed."},
        {"action": "delete_endpoint", "config": config, "reason": "The endpoint is paused."},
    )
    assert without_times(read_deployments(registry)) == [
        ("ended", None, "The endpoint is being deleted. The endpoint is paused."),
        ("failed", None, "The last update and its rollback failed."),
        ("failed", "2", "Version 2 was given up: Its contract is missing."),
        ("started", "1", "Version 1 is being deployed."),
    ]


def test_without_a_log_the_history_is_empty(registry: Aws) -> None:
    assert read_deployments(registry) == []
