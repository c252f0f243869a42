"""`bankruptcy drill drift` and `drill outcomes`, from predictions through the API to messages to people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from support.deployment.project import REGION
from support.local_aws.environment import point_at
from support.models.sample import NAMES, register_sample_model
from support.scripting import differences, documented_results
from typer.testing import CliRunner

from local_aws.base import clock
from local_aws.server import LocalAws
from scripts.aws.outbox import read_outbox
from scripts.aws.session import connect
from scripts.cli import app
from scripts.operate.drills import watched as drills
from scripts.operate.drills.errors import DrillError
from scripts.operate.drills.watched import PROJECT, Watched
from scripts.operate.executions import start_execution, stop_execution
from scripts.operate.monitoring import acceptances


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The service of the drills, with a model that is fitted at once instead of trained by an execution."""
    with pytest.MonkeyPatch.context() as patch, LocalAws(region=REGION) as server:
        point_at(server, patch)
        made = Watched(connect(PROJECT), lambda _: None, clock.advance)
        made.deploy()
        register_sample_model(made.aws, tmp_path_factory.mktemp("model"))
        made.serve(1)
        yield made


@pytest.fixture
def drill(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a drill in the module's service, and returns the result and its output."""

    def run(name: str, *options: str) -> Any:
        @contextmanager
        def service() -> Iterator[Watched]:
            yield Watched(watched.aws, shown, clock.advance)

        from scripts.commands.local_aws.drill import _show_event as shown

        monkeypatch.setattr("scripts.commands.local_aws.drill.watched_service", service)
        result = CliRunner().invoke(app, ["drill", name, *options])
        assert result.exit_code == 0, result.output
        return result

    return run


def document(result: Any, command: str) -> Mapping[str, Any]:
    """Return the JSON of a drill, which docs/scripting.md describes."""
    found: Mapping[str, Any] = json.loads(result.stdout)
    assert list(differences(documented_results()[command], found)) == []
    return found


def test_late_outcomes_show_which_of_two_versions_is_bad(watched: Watched, drill: Any) -> None:
    shown = drill("outcomes", "--json")
    done = document(shown, "drill outcomes")
    # Of 900 companies each, those of version 1 lack three that are contradicted and five that are still open.
    good, bad = done["versions"]["1"], done["versions"]["2"]
    assert (good["companies"], bad["companies"]) == (892, 900)
    assert (good["reason"], good["roc_auc"] > 0.8) == ("", True)
    assert bad["reason"].startswith("its ROC-AUC is at most 0.")
    assert bad["low"] < 0.5 < bad["high"]
    # AND every outcome is accounted for
    assert done["outcomes"] == {
        "given": 1815,
        "repeated": 10,
        "judged": 1792,
        "waiting": 0,
        "again": 0,
        "late": 4,
        "contradicting": 3,
        "open": 5,
        "unknown": 2,
    }
    # AND people got one message, after the steps that lead to it
    alarm = f'ALARM: "{PROJECT}-quality" in {REGION}'
    assert done["message"] == alarm
    assert [each["subject"] for each in read_outbox()].count(alarm) == 1
    steps = (
        "Predicting 900 companies with version 1.",
        "Version 2 is a copy of version 1.",
        "Predicting 900 companies with version 2.",
        "400 days pass",
        "1,800 outcomes uploaded, 1,800 of them new.",
        "15 outcomes uploaded, 5 of them new.",
        "version 2: its ROC-AUC is at most",
        f"alarm: {PROJECT}-quality is on",
        f"message: {alarm}",
    )
    places = [shown.stderr.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_a_shifted_column_is_reported_until_a_person_accepts_it(watched: Watched, drill: Any) -> None:
    shown = drill("drift", "--json")
    done = document(shown, "drill drift")
    assert done["column"] == NAMES[0]
    assert [done[name]["predictions"] for name in ("usual", "shifted", "accepted")] == [600, 600, 600]
    assert (done["usual"]["drift"], done["accepted"]["drift"]) == ([], [])
    version = watched.version()
    assert done["shifted"]["drift"][0].startswith(f"version {version}, {NAMES[0]}: its distribution differs")
    assert done["message"] == f'ALARM: "{PROJECT}-drift" in {REGION}'
    # AND the window stays accepted
    (accepted,) = acceptances(watched.aws)
    assert (accepted.version, accepted.run) == (version, done["shifted"]["run"])
    assert f"alarm: {PROJECT}-drift is off" in shown.stderr


def test_an_alarm_that_does_not_come_fails_the_drill(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drills, "_TIMEOUT_SECONDS", 0.0)
    with pytest.raises(DrillError, match=f"The alarm {PROJECT}-silence did not become ALARM"):
        watched.wait_for_alarm("silence", "ALARM")
    with pytest.raises(DrillError, match=f"The alarm {PROJECT}-silence sent no message"):
        watched.wait_for_message("silence", 0)


def test_training_starts_an_execution_on_sample_data(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an execution that has been started is stopped, and the newest one of monitoring waited for
    started: list[Mapping[str, str]] = []

    def start(aws: Any, parameters: Mapping[str, str]) -> tuple[str, str]:
        arn, uri = start_execution(aws, parameters)
        stop_execution(aws, arn)
        started.append(parameters)
        return arn, uri

    monkeypatch.setattr(drills, "start_execution", start)
    with pytest.raises(DrillError, match="ended as Stopped"):
        watched.train()
    assert started[0]["InputDataUri"].endswith("/sample-data.csv")
