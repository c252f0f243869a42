"""How `deploy` and `destroy` show what happens."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from scripts.aws.stacks import Event
from scripts.commands.service import Watch

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
IN_FULL = {
    "code  predict_api.zip  uploaded",
    "b-service  Queue  Replace  AWS::SQS::Queue",
    "b-service  Queue  UPDATE_FAILED  The name [x] is taken.",
    "b-service  b-service  UPDATE_ROLLBACK_IN_PROGRESS",
    "b-service  b-service  UPDATE_ROLLBACK_COMPLETE",
}


def lines_of(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, verbose: bool = False
) -> tuple[list[str], str]:
    """Show the events; return the lines that stay, and all that was written."""
    out = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=100, highlight=False)
    monkeypatch.setattr("scripts.commands.service.console", lambda: out)
    with Watch(verbose=verbose) as watch:
        for event in EVENTS:
            watch(event)
        last = watch.line
    file = out.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()], last


def test_a_terminal_has_one_live_line_and_what_matters_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, last = lines_of(monkeypatch, terminal=True)

    assert last == "b-service 1/2  b-service  UPDATE_ROLLBACK_COMPLETE"
    text = "\n".join(lines)
    assert all(told in text for told in IN_FULL)
    assert "b-service  Api  Add" not in text
    assert "b-service  Api  CREATE_COMPLETE" not in text


@pytest.mark.parametrize(("terminal", "verbose"), [(False, False), (True, True)])
def test_a_pipe_and_verbose_have_every_event(
    terminal: bool, verbose: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, _ = lines_of(monkeypatch, terminal=terminal, verbose=verbose)

    assert len(lines) == len(EVENTS)
    assert set(lines) > IN_FULL


def test_only_stacks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "scripts.commands.service.console", lambda: Console(file=io.StringIO(), force_terminal=True)
    )
    with Watch() as watch:
        watch(EVENTS[0])
        assert watch.line == "code  predict_api.zip  uploaded"
        watch(Event("b-service", "Api", "DELETE_COMPLETE"))
        assert watch.line == "b-service 1  Api  DELETE_COMPLETE"


def test_a_question_is_asked_without_the_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr("scripts.commands.service.console", lambda: out)
    live: list[bool] = []
    monkeypatch.setattr("typer.confirm", lambda _: live.append(bool(out._live_stack)) or True)

    with Watch() as watch:
        assert out._live_stack
        assert watch.ask("Replace or remove these?")
        assert out._live_stack
    assert live == [False]
    assert not out._live_stack
