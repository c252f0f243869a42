"""Finding the execution whose report is shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.operate.executions import ExecutionError
from scripts.operate.reports import find_reported

PROJECT = SimpleNamespace(
    pipeline="p", evaluation_uri=lambda name: f"s3://b/models/{name}/evaluation/evaluation.json"
)
AWS: Any = SimpleNamespace(client=lambda _: None, project=PROJECT)


def executions(monkeypatch: pytest.MonkeyPatch, *statuses: str, reported: tuple[int, ...] = ()) -> None:
    """Let the pipeline have these executions, newest first; some of them have a report."""
    known = [SimpleNamespace(arn=str(i), id=f"id{i}", status=status) for i, status in enumerate(statuses)]
    monkeypatch.setattr("pipeline.service.list_executions", lambda *_: known)
    monkeypatch.setattr("pipeline.service.describe", lambda _, arn: known[int(arn)])
    found = {f"s3://b/models/id{number}/evaluation/report.html" for number in reported}
    monkeypatch.setattr("scripts.operate.reports.exists", lambda _, uri: uri in found)


def test_the_newest_execution_with_a_report_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    executions(monkeypatch, "Executing", "Failed", "Succeeded", "Succeeded", reported=(2, 3))

    assert find_reported(AWS, None).id == "id2"


@pytest.mark.parametrize(
    ("statuses", "problem", "hint"),
    [
        ([], "No execution of p has a report.", "`bankruptcy pipeline start --wait` makes one."),
        (["Failed"], "No execution of p has a report.", "`bankruptcy pipeline start --wait` makes one."),
        (
            ["Failed"] * 20,
            "None of the newest 20 executions of p has a report.",
            "`bankruptcy pipeline start --wait` makes one.",
        ),
        (
            ["Executing", "Failed"],
            "There is no report yet: execution id0 is still running.",
            "`bankruptcy pipeline status` shows its progress.",
        ),
    ],
)
def test_a_missing_report_is_explained(
    statuses: list[str], problem: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    executions(monkeypatch, *statuses)

    with pytest.raises(ExecutionError) as raised:
        find_reported(AWS, None)

    assert (raised.value.problem, raised.value.hint) == (problem, hint)
