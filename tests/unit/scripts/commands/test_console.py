"""Messages on a terminal of 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from scripts.terminal import console
from scripts.terminal.console import show, show_error, show_facts

COMMAND = "`bankruptcy pipeline start --wait --project bankruptcy --local`"


def printed(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    """Let messages go to a stream, which is a terminal of 80 columns or not."""
    stream = io.StringIO()
    out = Console(file=stream, width=80, force_terminal=terminal, color_system=None)
    monkeypatch.setattr(console, "console", lambda **_: out)
    return stream


@pytest.mark.parametrize("words", range(1, 30))
def test_lines_are_wrapped_between_words_and_never_within_a_command(
    words: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = printed(monkeypatch, terminal=True)
    message = f"{'word ' * words}{COMMAND} starts an execution of the pipeline called [x]."
    show_error(message)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(line.strip() for line in lines) == f"Error: {message}"
    assert any(COMMAND in line for line in lines)


def test_a_line_that_is_to_be_copied_is_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = printed(monkeypatch, terminal=True)
    show("word " * 40 + "end", wrap=False)
    assert stream.getvalue() == "word " * 40 + "end\n"


def test_outside_a_terminal_nothing_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = printed(monkeypatch, terminal=False)
    show("word " * 40 + "end")
    assert stream.getvalue() == "word " * 40 + "end\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_facts_are_wrapped_between_words_and_long_words_stay_whole(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = printed(monkeypatch, terminal=terminal)
    show_facts([("file", f"/{'x' * 90}"), ("a label", f"{'word ' * 20}[red]end[/]"), ("two", "one\ntwo")])
    lines = stream.getvalue().splitlines()
    words = [f"a label  {'word ' * 13}word", f"         {'word ' * 6}end"]
    assert lines == [
        f"file     /{'x' * 90}",
        *(words if terminal else [f"a label  {'word ' * 20}end"]),
        "two      one",
        "         two",
    ]
