"""With --json, every command prints exactly the fields that docs/scripting.md documents, and nothing else."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.local_aws.environment import point_at
from support.local_aws.hurry import hurried
from support.models.evaluations import compared, evaluation
from support.models.small import register_folder, small_profile, write_small_model
from support.scripting import differences, documented_results
from typer.testing import CliRunner

from local_aws.server import LocalAws
from local_aws.state.folder import StateFolder
from pipeline.jobs import sklearn_image
from pipeline.project import Project
from scripts.aws.session import Aws, connect
from scripts.cli import app
from scripts.data.data_file import read_data_file
from scripts.operate.drills.drift import DriftDrill
from scripts.operate.drills.outcomes import OutcomesDrill, Quality
from scripts.operate.drills.watched import PROJECT, Run, Watched
from steps.dataset.columns import RATIOS, TARGET

DOCUMENTED = documented_results()
ROWS = 200
# The model's features.
NAMES = RATIOS[:20]


class Commands:
    """Runs commands with --json, and remembers them."""

    def __init__(self) -> None:
        self.run: set[str] = set()

    def __call__(self, words: str, *options: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, [*words.split(), *options, "--json"])
        assert result.exit_code == code, result.output
        document = json.loads(result.stdout)
        assert list(differences(DOCUMENTED[words], document)) == []
        self.run.add(words)
        return document

    def error(self, words: str, *options: str, code: int) -> dict[str, str]:
        """Return the error of a command that fails."""
        result = CliRunner().invoke(app, [*words.split(), *options, "--json"])
        assert result.exit_code == code, result.output
        assert result.stderr.startswith("Error: ")
        document: dict[str, dict[str, str]] = json.loads(result.stdout)
        assert set(document) == {"error"}
        return document["error"]


@pytest.fixture(scope="module")
def run(running_aws: LocalAws) -> Iterator[Commands]:
    """Commands on local AWS, where the service is deployed under its default name."""
    running_aws.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BANKRUPTCY_PROJECT", raising=False)
        point_at(running_aws, patch)
        yield Commands()
    running_aws.reset()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data file of 200 companies, with a column that no model uses."""
    path = tmp_path_factory.mktemp("data") / "companies.csv"
    values = random.Random(0)
    rows = [
        ",".join([str(row % 2), *(f"{values.random():.3f}" for _ in RATIOS), f"F{row}", "x"])
        for row in range(ROWS)
    ]
    path.write_text("\n".join([",".join([TARGET, *RATIOS, "firm_id", "Name"]), *rows, ""]), encoding="utf-8")
    return path


def test_an_error_is_the_result_of_a_command_that_fails(run: Commands) -> None:
    error = run.error("status", "--local", code=1)
    assert error == {
        "code": "deployment_failed",
        "problem": "The stack bankruptcy-service (account 123456789012, eu-west-1) does not exist or is "
        "incomplete.",
        "hint": "Run `bankruptcy deploy --local` first.",
    }
    assert run.error("predict", code=2)["code"] == "wrong_usage"
    # An error of AWS that no command expects
    assert run.error("pipeline start", "--data-uri", "s3://nowhere/x.csv", code=1)["code"] == "aws_error"


def test_a_new_deployment_has_nothing_to_list(run: Commands, data: Path) -> None:
    deployed = run("deploy")
    assert (deployed["storage"], deployed["key_required"]) == ("created", True)
    assert run("pipeline list") == {"executions": []}
    assert run("model list") == {"versions": []}
    uploaded = run("data upload", str(data))
    assert uploaded["uri"].endswith("/companies.csv")
    assert uploaded["warnings"][0] == "Ignored columns: 'Name'."
    assert uploaded["starts_execution"] is False
    described = run("data describe", str(data))
    assert (described["companies"], described["bankrupt"], described["firms"]) == (ROWS, ROWS // 2, ROWS)
    # Without --json, the lists suggest the next command.
    shown = CliRunner().invoke(app, ["model", "list"]).output
    assert (
        shown == "No version yet. `bankruptcy pipeline start --wait` registers one if it passes the gate.\n"
    )
    assert "No execution yet." in CliRunner().invoke(app, ["pipeline", "list"]).output


def test_executions(run: Commands, tmp_path: Path) -> None:
    assert run("pipeline upsert") == {"pipeline": "bankruptcy", "outcome": "unchanged"}
    started = run("pipeline start")
    assert started["parameters"]["FeatureCount"] == "50"
    run("pipeline stop", started["id"])
    # An execution that did not succeed is a result and a failure.
    assert run("pipeline status", "--wait", code=1)["status"] == "Stopped"
    assert run("pipeline list")["executions"][0]["status"] == "Stopped"
    assert run("pipeline retry", started["id"])["status"] == "Executing"
    run("pipeline stop")
    assert run("pipeline status", "--wait", code=1)["status"] == "Stopped"
    # GIVEN an evaluation
    aws = connect("bankruptcy")
    s3, bucket = aws.client("s3"), aws.project.bucket
    folder = f"models/{started['id']}/evaluation"
    s3.put_object(
        Bucket=bucket,
        Key=f"{folder}/evaluation.json",
        Body=json.dumps(evaluation(champion=compared())).encode(),
    )
    s3.put_object(Bucket=bucket, Key=f"{folder}/report.html", Body=b"<p>A report</p>")
    with pytest.MonkeyPatch.context() as inner:
        figures = run("pipeline status")["evaluation"]
        # A script opens no browser.
        inner.setenv("DISPLAY", ":0")
        inner.setattr("webbrowser.open", pytest.fail)
        report = run("report", "--output", str(tmp_path / "report.html"))
    assert (figures["candidates"][0]["roc_auc"]["low"], figures["passed"]) == (0.9105, True)
    assert figures["against_champion"]["verdict"] == "not significantly different"
    assert report == {
        "execution": started["id"],
        "version": None,
        "file": str(tmp_path / "report.html"),
    }


def test_versions_and_predictions(run: Commands, data: Path, tmp_path: Path) -> None:
    # GIVEN two versions
    aws = connect("bankruptcy")
    files = {"evaluation.json": json.dumps(evaluation()), "report.html": "<p>A report</p>"}
    for seed in (0, 1):
        write_small_model(tmp_path / str(seed), NAMES, seed=seed)
        register_folder(aws, tmp_path / str(seed), image=sklearn_image(aws.project.region), evaluation=files)
    assert [each["version"] for each in run("model list")["versions"]] == [2, 1]
    shown = run("model show", "1")
    assert (shown["approval"], shown["evaluation"]["bankruptcies"]) == ("PendingManualApproval", 44)
    assert run("model download", "1", "--output", str(tmp_path / "m.tar.gz"))["version"] == 1
    assert run.error("model show", "7", code=1) == {
        "code": "unknown_version",
        "problem": "There is no version 7; known versions: 2, 1.",
        "hint": "",
    }
    other = Aws(aws.session, Project("other", aws.project.account, aws.project.region))
    other.client("s3").create_bucket(
        Bucket=other.project.bucket, CreateBucketConfiguration={"LocationConstraint": other.project.region}
    )
    other.client("sagemaker").create_model_package_group(ModelPackageGroupName="other")
    assert run("promote", "2", "--to-project", "other", "--on", str(data))["promoted_version"] == 2
    # WHEN the first one is approved
    assert run("model approve", "1", "--wait") == {"version": 1, "approval": "Approved", "in_service": True}
    state = run("status")
    assert (state["local"], state["cost"], state["champion"], state["endpoint"]["version"]) == (
        True,
        None,
        1,
        1,
    )
    run("model preview", "2", "--on", str(data))
    assert run("model approve", "2", "--yes", "--wait")["in_service"]
    # THEN companies can be predicted
    predicted = run("predict", str(data), "--explain")
    assert predicted["companies"] == len(predicted["predictions"]) == ROWS
    assert predicted["predictions"][1]["ids"] == {"firm_id": "F1"}
    assert run("predict", str(data), "--output", str(tmp_path / "out.csv"))["predictions"] is None
    bad = tmp_path / "bad.csv"
    lines = data.read_text(encoding="utf-8").splitlines()
    lines[1] = re.sub(r"^0,[^,]+", "0,", lines[1])
    bad.write_text("\n".join(lines), encoding="utf-8")
    answers = run("predict", str(bad), code=1)["predictions"]
    assert [each["number"] for each in answers if each["error"]] == [2]
    assert run.error("predict", str(data), "--format", "csv", code=2)["code"] == "wrong_usage"
    scored = run("score", str(bad), str(tmp_path / "scored.csv"))
    assert (scored["companies"], scored["bad_lines"], scored["logged"]) == (ROWS - 1, 1, ROWS - 1)
    assert run("score", str(data), str(tmp_path / "unlogged.csv"), "--no-log")["logged"] == 0
    assert scored["bad_lines_file"] == str(tmp_path / "scored.errors.csv")


def test_monitoring(run: Commands, tmp_path: Path) -> None:
    # GIVEN the profiles of both versions, and an outcome of a scored company
    aws = connect("bankruptcy")
    for folder in ("0", "1"):
        body = json.dumps(small_profile(NAMES)).encode()
        aws.client("s3").put_object(Bucket=aws.project.bucket, Key=f"models/{folder}/profile.json", Body=body)
    outcomes = tmp_path / "outcomes.csv"
    outcomes.write_text("id,date,outcome,x\nF3,2026-01-02,1,\n", encoding="utf-8")
    uploaded = run("outcomes upload", str(outcomes))
    assert (uploaded["outcomes"], uploaded["new"]) == (1, 1)
    # Predictions of the last minute are left to the next run.
    assert run("monitor run") == {"execution": None, "run": None, "silent": True, "result": None}
    # WHEN the last two days are monitored
    today = datetime.now(UTC)
    period = ["--start", f"{today - timedelta(days=1):%F}", "--end", f"{today + timedelta(days=1):%F}"]
    started = run("monitor run", *period, "--wait")
    result = started["result"]
    assert result["predictions"] >= ROWS - 1
    assert run("monitor run", *period)["execution"] != started["execution"]
    shown = run("monitor show", started["run"], "--page", str(tmp_path / "page.html"), "--open")
    assert shown == {**result, "page": str(tmp_path / "page.html")}
    (version, *_) = result["versions"]
    accept = ["monitor accept", started["run"], version]
    assert run(*accept, "--note", "as expected", "--yes")["accepted"]
    assert run("monitor show")["accepted"][0]["note"] == "as expected"
    assert not run(*accept, "--undo")["accepted"]


def test_operation(run: Commands) -> None:
    assert run("test")["passed"]
    assert run("rollback", "--yes") == {"rejected": 2, "version": 1}
    assert run("pause") == {"paused": True, "endpoint_deleted": True}
    assert run("resume") == {"paused": False, "version": 1}
    assert run("model reject", "1", "--yes") == {"version": 1, "approval": "Rejected"}


def test_failed_checks_are_a_result(run: Commands) -> None:
    checked = run("test", "--url", "http://127.0.0.1:9", code=1)
    assert (checked["passed"], checked["checks"][0]["passed"]) == (False, False)


def test_commands_that_keep_running_print_their_result_first(
    run: Commands, running_aws: LocalAws, data: Path, tmp_path: Path
) -> None:
    server = SimpleNamespace(url=running_aws.url, damaged_state=None, start=lambda: None, stop=lambda: None)

    @contextmanager
    def serving(*_: Any, **__: Any) -> Iterator[Any]:
        yield server

    with pytest.MonkeyPatch.context() as inner:
        inner.setattr("local_aws.server.LocalAws", lambda **_: server)
        inner.setattr("scripts.commands.local_aws.local.wait_for_interruption", lambda: None)
        subjects = [each["subject"] for each in run("local outbox")["messages"]]
        assert "bankruptcy: version 1 waits for approval" in subjects
        assert run("local start")["environment"]["AWS_ENDPOINT_URL"] == running_aws.url
        for name in ("_deploy", "_make_model", "wait_for_interruption"):
            inner.setattr(f"scripts.commands.local_aws.up.{name}", lambda *_: None)
        ready = run("up", "--state", str(tmp_path))
        assert ready["api_url"].startswith(running_aws.url)
        assert ready["api_key"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?token=\S+", ready["console"])
        inner.setattr("local_aws.server.LocalAws", serving)
        inner.setattr("scripts.commands.local_aws.demo.PROJECT", "bankruptcy")
        inner.setattr("scripts.operate.executions.start_execution", lambda *_: ("arn/abc", "s3://x"))
        inner.setattr("scripts.terminal.progress.follow_to_success", lambda *_: SimpleNamespace(id="abc"))
        inner.setattr("scripts.operate.reports.save_report", lambda *_: tmp_path / "report.html")
        shown = run("demo", "--data", str(data))
        monitored = run("monitor show", shown["monitoring"]["run"])
        inner.setattr("scripts.commands.console.wait_for_interruption", lambda: None)
        inner.setattr("webbrowser.open", pytest.fail)
        opened = run("console", "--port", "0", "--open")
    assert opened["url"].startswith("http://127.0.0.1:")
    assert (shown["execution"], shown["answer"]["prediction"] in (0, 1)) == ("abc", True)
    assert shown["monitoring"]["predictions"] == monitored["predictions"] > 0
    assert shown["monitoring"]["alarms"] == sum(map(len, monitored["alarms"].values()))


def test_a_drill(run: Commands) -> None:
    # GIVEN the version that the demo approved
    champion = run("status")["champion"]
    with hurried():
        drilled = run("drill bad-model")
    assert (drilled["version"], drilled["champion"]) == (3, champion)
    assert "bankruptcy: version 3 was rolled back" in drilled["messages"]


def test_the_drills_of_monitoring_have_a_local_aws_of_their_own(run: Commands, running_aws: LocalAws) -> None:
    # GIVEN results; tests/e2e/test_monitoring_drills.py runs the drills themselves
    watched: list[Watched] = []
    usual = Run("2026-11-30T105755Z", 600, ())
    shifted = Run("2026-11-30T105800Z", 600, ("version 1, a: its distribution differs (index 1.76)",))
    quality = Quality(892, 26, 20.3, 0.966, 0.934, 0.991, "")
    counts = dict.fromkeys(DOCUMENTED["drill outcomes"]["outcomes"], 0)

    def drift(given: Watched) -> DriftDrill:
        watched.append(given)
        return DriftDrill("a", usual, shifted, usual, "ALARM", 27.25)

    def outcomes(given: Watched) -> OutcomesDrill:
        watched.append(given)
        return OutcomesDrill("2026-11-30T105816Z", {"1": quality}, counts, "ALARM", 27.25)

    with pytest.MonkeyPatch.context() as inner:
        inner.setattr("local_aws.server.LocalAws", lambda **_: nullcontext(running_aws))
        inner.setattr(Watched, "deploy", lambda _: None)
        inner.setattr(Watched, "train", lambda _: None)
        inner.setattr("scripts.operate.drills.drift.drill_drift", drift)
        inner.setattr("scripts.operate.drills.outcomes.drill_outcomes", outcomes)
        assert run("drill drift")["seconds"] == 27.2
        run("drill outcomes")
        shown = CliRunner().invoke(app, ["drill", "outcomes"]).output
    assert [each.aws.project.name for each in watched] == [PROJECT] * 3
    assert "0.966 (0.934 to 0.991)  as in training" in shown


def test_local_files(run: Commands, data: Path, tmp_path: Path) -> None:
    StateFolder(tmp_path / "state").close()
    assert run("local reset", "--state", str(tmp_path / "state"), "--yes") == {
        "state": str(tmp_path / "state")
    }
    with pytest.MonkeyPatch.context() as inner:
        inner.setattr("scripts.data.source.fetch", lambda _: read_data_file(data))
        assert run("data fetch")["file"] == str(data)


def test_destruction(run: Commands) -> None:
    assert run("destroy", "--yes")["kept"]
    assert any(each.startswith("stack ") for each in run("destroy", "--yes", "--delete-data")["removed"])


def test_all_documented_commands_have_run(run: Commands) -> None:
    assert run.run == set(DOCUMENTED)
