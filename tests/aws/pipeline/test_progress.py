"""`pipeline status --wait` shows what each running step does, and how long it usually takes."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from rich.console import Console
from support.local_aws.cloud import BUCKET, OUT, Cloud, processing
from support.local_aws.environment import point_at
from typer.testing import CliRunner

from pipeline.service import StepState
from scripts.aws.session import connect
from scripts.cli import app
from scripts.operate.durations import usual_seconds
from scripts.terminal.progress import steps_table

PROJECT = "progress"
# Writes a file, after as many seconds as its second argument says.
SLOW = """
import pathlib, sys, time
time.sleep(float(sys.argv[2]))
out = pathlib.Path(sys.argv[1]); out.mkdir(parents=True, exist_ok=True)
(out / "result.txt").touch()
"""
CACHE = {"CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}}


def execute(cloud: Cloud, seconds: str, *, fails: bool = False) -> str:
    """Run a step of so many seconds, and one that fails if asked to; return the execution's ARN."""
    code = cloud.put_script("slow", SLOW)
    missing = {"missing": f"s3://{BUCKET}/nowhere/"} if fails else {}
    execution = cloud.start(
        [processing("Slow", code, [OUT, seconds], **CACHE), processing("Other", code, [OUT, "0"], missing)],
        name=PROJECT,
    )
    cloud.finish(execution)
    return execution


def seconds_of(cloud: Cloud, execution: str, step: str) -> float:
    found = cloud.steps(execution)[step]
    return float((found["EndTime"] - found["StartTime"]).total_seconds())


def test_the_usual_duration_is_the_median_of_earlier_executions(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(cloud.aws, monkeypatch)
    aws = connect(PROJECT)
    # GIVEN a failed execution, and one that takes a step from the cache
    first = execute(cloud, "0", fails=True)
    assert usual_seconds(aws, first) == {}
    executed = [first, execute(cloud, "1")]
    cached = execute(cloud, "1")
    executed.append(execute(cloud, "0.5"))
    # THEN the median is that of the steps that ran and succeeded
    slow = [seconds_of(cloud, execution, "Slow") for execution in executed]
    others = [seconds_of(cloud, execution, "Other") for execution in (executed[1], cached, executed[2])]
    assert "CacheHitResult" in cloud.steps(cached)["Slow"]
    assert usual_seconds(aws, f"{first}-another") == {"Slow": median(slow), "Other": median(others)}
    # AND an execution does not count for itself
    assert usual_seconds(aws, executed[2])["Slow"] == median(slow[:2])
    shown = CliRunner().invoke(app, ["pipeline", "status", "--wait", "--project", PROJECT]).output
    assert "step   state      seconds  usually" in shown


def test_running_steps_say_what_they_do() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    start = now - timedelta(seconds=12)

    def step(name: str, status: str, reason: str | None = None, description: str | None = None) -> StepState:
        return StepState(name, "Training", status, start, None, reason, False, None, description)

    steps = (
        step("A", "Executing", description="Fits the [best] recipe"),
        step("B", "Executing", "no capacity", "Fits"),
        step("C", "Succeeded", description="Fits"),
        step("D", "Executing"),
    )
    printed = io.StringIO()
    Console(file=printed, width=80).print(steps_table(steps, now=now, usual={"A": 34.0}))
    lines = [line.split(maxsplit=1)[1].rstrip() for line in printed.getvalue().splitlines()[1:]]
    assert [" ".join(line.split()) for line in lines] == [
        "A Executing: Fits the [best] recipe 12.0 34.0",
        "B waits for its next attempt: no capacity 12.0",
        "C Succeeded 12.0",
        "D Executing 12.0",
    ]
    # Unknown durations are not shown.
    without = io.StringIO()
    Console(file=without, width=80).print(steps_table(steps, now=now))
    assert "usually" not in without.getvalue()
