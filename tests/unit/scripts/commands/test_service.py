"""How `deploy` and `destroy` show their events."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from support.deployment.fakes import Client, connected
from typer.testing import CliRunner

from scripts.aws.stacks import Event
from scripts.cli import app
from scripts.terminal.events import EventLog

EVENTS = [
    Event("code", "predict_api.zip", "uploaded"),
    Event("b-service", "Api", "Add", "AWS::ApiGateway::RestApi"),
    Event("b-service", "Queue", "Replace", "AWS::SQS::Queue"),
    Event("b-service", "Api", "CREATE_IN_PROGRESS"),
    Event("b-service", "Api", "CREATE_COMPLETE"),
    Event("b-service", "Queue", "UPDATE_FAILED", "The name [x] is taken."),
    Event("b-service", "b-service", "UPDATE_ROLLBACK_IN_PROGRESS"),
    Event("b-service", "b-service", "UPDATE_ROLLBACK_COMPLETE"),
]
ALWAYS_SHOWN = {
    "code  predict_api.zip  uploaded",
    "b-service  Queue  Replace  AWS::SQS::Queue",
    "b-service  Queue  UPDATE_FAILED  The name [x] is taken.",
    "b-service  b-service  UPDATE_ROLLBACK_IN_PROGRESS",
    "b-service  b-service  UPDATE_ROLLBACK_COMPLETE",
}


def use_console(monkeypatch: pytest.MonkeyPatch, out: Console) -> None:
    for module in ("console", "events"):
        monkeypatch.setattr(f"scripts.terminal.{module}.console", lambda **_: out)


def lines_of(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, verbose: bool = False
) -> tuple[list[str], str]:
    """Show the events; return the printed lines, and the last live line."""
    out = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=100, highlight=False)
    use_console(monkeypatch, out)
    with EventLog(verbose=verbose) as log:
        for event in EVENTS:
            log(event)
        last = log.line
    file = out.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()], last


def test_a_terminal_shows_a_live_line_and_only_important_events(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, last = lines_of(monkeypatch, terminal=True)

    assert last == "b-service 1/2  b-service  UPDATE_ROLLBACK_COMPLETE"
    text = "\n".join(lines)
    assert all(line in text for line in ALWAYS_SHOWN)
    assert "b-service  Api  Add" not in text
    assert "b-service  Api  CREATE_COMPLETE" not in text


@pytest.mark.parametrize(("terminal", "verbose"), [(False, False), (True, True)])
def test_a_pipe_and_verbose_show_every_event(
    terminal: bool, verbose: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, _ = lines_of(monkeypatch, terminal=terminal, verbose=verbose)

    assert len(lines) == len(EVENTS)
    assert set(lines) > ALWAYS_SHOWN


def test_the_live_line_counts_the_resources_of_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_console(monkeypatch, Console(file=io.StringIO(), force_terminal=True))
    with EventLog() as log:
        log(EVENTS[0])
        assert log.line == "code  predict_api.zip  uploaded"
        log(Event("b-service", "Api", "DELETE_COMPLETE"))
        assert log.line == "b-service 1  Api  DELETE_COMPLETE"


def test_the_live_line_is_hidden_while_a_question_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Console(file=io.StringIO(), force_terminal=True)
    use_console(monkeypatch, out)
    live: list[bool] = []
    monkeypatch.setattr("typer.confirm", lambda _, **__: live.append(bool(out._live_stack)) or True)

    with EventLog() as log:
        assert out._live_stack
        assert log.ask("Replace or remove these?")
        assert out._live_stack
    assert live == [False]
    assert not out._live_stack


def test_destroy_without_a_terminal_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: connected(Client()))
    result = CliRunner().invoke(app, ["destroy"], input="")
    assert result.exit_code == 2
    assert (
        "The question can't be answered: standard input has ended. Pass --yes to skip the question."
        in result.stderr
    )


def test_destroy_ends_on_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: connected(Client()))
    result = CliRunner().invoke(app, ["destroy"], input="n\n")
    assert result.exit_code == 1
    assert "--yes" not in result.stderr
