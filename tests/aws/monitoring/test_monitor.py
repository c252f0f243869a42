"""`bankruptcy monitor` starts runs, shows their results, and accepts their predictions as normal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from support.local_aws.cloud import OUT, WRITE, Cloud, processing
from support.local_aws.environment import project_with_bucket
from support.local_aws.functions import create
from support.monitoring_results import store_result
from typer.testing import CliRunner

from local_aws.server import LocalAws
from scripts.aws.session import Aws
from scripts.cli import app
from scripts.operate.monitoring import MonitoringError, acceptances, read_result, run_at_once

PROJECT = "watched"
# The later one is that of a chosen period.
OLD, NEW = "2026-11-01T000000Z", "2026-10-01T000000Z-2026-10-02T000000Z-101112"


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("BANKRUPTCY_PROJECT", PROJECT)
    return project_with_bucket(local_aws, monkeypatch, PROJECT)


def bankruptcy(*words: str, code: int = 0) -> str:
    """Run a command, and return its output as one line of words."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def results(aws: Aws, tmp_path: Path) -> Callable[[str, float], None]:
    """Return a function that stores the result of a run, in which debts are multiplied by a factor."""
    return lambda run, factor: store_result(aws, tmp_path / run, run, factor)


def test_a_result_is_shown_in_eighty_columns(
    results: Callable[[str, float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    results(OLD, 1.6)
    monkeypatch.setattr("scripts.terminal.console._console", lambda stderr: Console(stderr=stderr, width=80))
    result = CliRunner().invoke(app, ["monitor", "show"])
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert max(map(len, result.output.splitlines())) <= 80
    assert f"run {OLD}, finished 2026-11-01 05:00:00" in text
    assert "predictions 600 drift ALARM: 2 quality no alarm left out 1 unreadable line" in text
    assert "outcomes 0 uploaded" in text
    # The version: predictions, companies, levels, comparison and number of drifting columns
    assert "3 600 600 low " in text
    assert re.search(r"medium \d+\.\d%, training 2 high", text)
    assert "3 debt 0." in text
    assert "3 ROC-AUC 0." in text


def test_the_run_that_finished_last_is_shown_by_default(
    results: Callable[[str, float], None], tmp_path: Path, aws: Aws
) -> None:
    assert "Monitoring has no result yet. `bankruptcy monitor run --wait`" in bankruptcy(
        "monitor", "show", code=1
    )
    results(NEW, 1.0)
    results(OLD, 1.6)
    assert f"run {OLD}," in bankruptcy("monitor", "show")
    assert "drift no alarm" in bankruptcy("monitor", "show", NEW)
    # A run without a result, and one that does not exist
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="monitoring/runs/2026-11-02/plan.json")
    assert "Run 2026-11-02 has no result: it is running, or it failed; the newest" in bankruptcy(
        "monitor", "show", "2026-11-02", code=1
    )
    assert f"There is no run 2026; the newest runs with a result: {OLD}, {NEW}." in bankruptcy(
        "monitor", "show", "2026", code=1
    )
    # A key of another form is no result.
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="monitoring/runs/a/../b/monitoring.json")
    assert f"run {OLD}," in bankruptcy("monitor", "show")
    page = tmp_path / "page.html"
    assert f"Page: {page}" in bankruptcy("monitor", "show", OLD, "--page", str(page))
    assert "debt: its distribution differs" in page.read_text(encoding="utf-8")
    assert "the folder /nowhere does not exist" in bankruptcy(
        "monitor", "show", "--page", "/nowhere/x.html", code=2
    )


def test_a_person_accepts_a_window_and_withdraws_it(
    results: Callable[[str, float], None], aws: Aws, tmp_path: Path
) -> None:
    results(OLD, 1.6)
    results(NEW, 1.0)
    assert "Give it with --note" in bankruptcy("monitor", "accept", OLD, "3", code=2)
    assert f"Run {OLD} has no predictions of version 4; its versions: 3." in bankruptcy(
        "monitor", "accept", OLD, "4", "--note", "x", code=1
    )
    assert "at most 1,000 are allowed" in bankruptcy(
        "monitor", "accept", OLD, "3", "--note", "ü" * 200, "--yes", code=1
    )
    # WHEN the question is answered with no, nothing is accepted
    declined = CliRunner().invoke(app, ["monitor", "accept", OLD, "3", "--note", "x"], input="n\n")
    assert "Drifting columns: debt, probability." in " ".join(declined.output.split())
    assert (declined.exit_code, acceptances(aws)) == (1, [])
    # WHEN it is accepted, the window is kept with the note and the person
    bankruptcy("monitor", "accept", OLD, "3", "--note", "Neue Branche: Bäcker", "--yes")
    (accepted,) = acceptances(aws)
    assert (accepted.version, accepted.run, accepted.note) == ("3", OLD, "Neue Branche: Bäcker")
    assert accepted.by.startswith("arn:aws:")
    stored = aws.client("s3").get_object(Bucket=aws.project.bucket, Key="monitoring/accepted/3.npz")
    assert stored["Body"].read() == (tmp_path / OLD / "monitoring" / "3.npz").read_bytes()
    assert f"run {OLD}, 'Neue Branche: Bäcker'" in bankruptcy("monitor", "show")
    # WHEN it is withdrawn, it must be the accepted one
    assert f"For version 3, run {OLD} is accepted, not {NEW}." in bankruptcy(
        "monitor", "accept", NEW, "3", "--undo", code=1
    )
    bankruptcy("monitor", "accept", OLD, "3", "--undo")
    assert acceptances(aws) == []
    assert "No window is accepted for version 3." in bankruptcy(
        "monitor", "accept", OLD, "3", "--undo", code=1
    )


def answer_with(cloud: Cloud, text: str) -> None:
    """Let watch_model run these lines."""
    source = "def handler(event, context):\n" + "".join(f"    {line}\n" for line in text.splitlines())
    create(cloud.aws.url, f"{PROJECT}-watch-model", source)


def test_a_run_is_started_for_new_predictions_or_a_period(aws: Aws, cloud: Cloud) -> None:
    assert "The function watched-watch-model does not exist. Run `bankruptcy deploy` first." in bankruptcy(
        "monitor", "run", code=1
    )
    # GIVEN a function that repeats the event
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/watched-monitoring/execution/abc"
    answer_with(
        cloud,
        f'return {{"execution": "{arn}", "run": "monitoring/runs/" + "_".join(event.values())}}',
    )
    run = json.loads(
        bankruptcy("monitor", "run", "--start", "2026-11-01", "--end", "2026-11-02T06:00Z", "--json")
    )
    assert run == {
        "execution": "abc",
        "run": "2026-11-01T00:00:00+00:00_2026-11-02T06:00:00+00:00",
        "silent": False,
        "result": None,
    }
    assert json.loads(bankruptcy("monitor", "run", "--json"))["run"] == ""


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--start", "2026-11-01"], "A period needs --start and --end."),
        (
            ["--start", "2026-11-02", "--end", "2026-11-01"],
            "--start 2026-11-02 is not before --end 2026-11-01.",
        ),
        (["--start", "yesterday", "--end", "2026-11-01"], "--start is 'yesterday'; it must be a date"),
    ],
)
def test_a_wrong_period_is_rejected(aws: Aws, options: list[str], problem: str) -> None:
    assert problem in bankruptcy("monitor", "run", *options, code=2)


@pytest.mark.parametrize(
    ("options", "silent", "words"),
    [
        ([], False, "If some were just sent, try again in a minute."),
        ([], True, "the service is not paused, so clients should be sending some."),
        (
            ["--start", "2026-11-01", "--end", "2026-11-02"],
            False,
            "The log has no predictions around this period",
        ),
    ],
)
def test_without_predictions_nothing_is_started(
    aws: Aws, cloud: Cloud, options: list[str], silent: bool, words: str
) -> None:
    answer_with(cloud, f'return {{"action": "nothing", "silent": {silent}}}')
    assert words in bankruptcy("monitor", "run", *options, "--wait")
    assert run_at_once(aws) is None


def test_a_failure_of_the_function_is_reported(aws: Aws, cloud: Cloud) -> None:
    answer_with(cloud, 'raise ValueError("the state is damaged")')
    shown = bankruptcy("monitor", "run", code=1)
    assert "watched-watch-model failed: the state is damaged." in shown
    assert "Its log, /aws/lambda/watched-watch-model, shows more." in shown


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (WRITE, 0, "drift ALARM: 2"),
        ("raise SystemExit(1)", 1, "The execution ended as Failed."),
    ],
)
def test_waiting_shows_the_result_or_the_failure(
    results: Callable[[str, float], None], aws: Aws, cloud: Cloud, script: str, code: int, words: str
) -> None:
    results(OLD, 1.6)
    step = processing("Judge", cloud.put_script("step", script), [OUT, "{}"])
    arn = cloud.start([step], name=f"{PROJECT}-monitoring")
    answer_with(cloud, f'return {{"execution": "{arn}", "run": "monitoring/runs/{OLD}"}}')
    assert words in bankruptcy("monitor", "run", "--wait", code=code)
    # The demo and the drills wait for a run that reads the newest objects, too.
    if code:
        with pytest.raises(MonitoringError, match=f"Run {OLD} ended as Failed."):
            run_at_once(aws)
    else:
        assert run_at_once(aws) == (OLD, read_result(aws, OLD))


def test_a_run_at_once_leaves_no_object_to_the_next_run(aws: Aws, cloud: Cloud) -> None:
    answer_with(cloud, "raise ValueError(event)")
    with pytest.raises(MonitoringError, match=r"failed: \{'settled': 0\}"):
        run_at_once(aws)
