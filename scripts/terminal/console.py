"""Prints results and errors in the same form for every command."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TextIO

from scripts.errors import UsageError
from scripts.terminal.results import is_json

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Return the console for messages, or the one for errors and progress; with --json, always the latter."""
    return _console(stderr=stderr or is_json())


@cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


@contextmanager
def utf8_output() -> Iterator[TextIO]:
    """Open standard output for data: UTF-8, whatever the terminal's encoding is."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        yield sys.stdout
        return
    sys.stdout.flush()
    stream = io.TextIOWrapper(buffer, encoding="utf-8", newline="", line_buffering=sys.stdout.isatty())
    try:
        yield stream
    finally:
        stream.detach()  # leaves standard output open


def show(text: str, *, stderr: bool = False, wrap: bool = True) -> None:
    """Print a text with rich markup.

    On a terminal, lines are wrapped between words, but not within commands in backquotes: a user who copies
    half a command might run it without its ``--local``. Elsewhere, lines are not wrapped.

    Parameters
    ----------
    wrap
        False for a line that is to be copied as a whole.
    """
    out = console(stderr=stderr)
    if not (wrap and out.is_terminal):
        out.print(text, soft_wrap=True)
        return
    rendered = out.render_str(text)
    for line in rendered.divide(_line_starts(rendered.plain, out.width)):
        line.rstrip()
        out.print(line, soft_wrap=True)


def _line_starts(text: str, width: int) -> list[int]:
    """Return where to break a text into lines: between words, but not within backquotes."""
    starts, start = [], 0
    for word in re.finditer(r"(?:`[^`]*`|\S)+(\s*)", text):
        if start < word.start() and word.start(1) - start > width:
            start = word.start()
            starts.append(start)
        if "\n" in word[1]:
            start = word.end()
    return starts


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a label and a text with rich markup in each row, wrapped as by `show`.

    Long words stay in one piece, so that paths and hashes can be copied.
    """
    from rich.text import Text

    out, rows = console(), list(facts)
    indent = max(len(label) for label, _ in rows) + 2
    width = out.width - indent if out.is_terminal else sys.maxsize
    for label, text in rows:
        lines = [
            line
            for given in out.render_str(text).split("\n")
            for line in given.divide(_line_starts(given.plain, width))
        ]
        for number, line in enumerate(lines):
            line.rstrip()
            start = f"{'' if number else label:<{indent}}"
            out.print(Text.assemble((start, "bold"), line), soft_wrap=True)


def show_error(text: str) -> None:
    """Print an error."""
    show(f"[bold red]Error:[/] {plain(text)}", stderr=True)


def show_warning(text: str) -> None:
    """Print a warning."""
    show(f"[yellow]Warning:[/] {plain(text)}", stderr=True)


def show_ignored_columns(names: str, *, stderr: bool = False) -> None:
    """Show which columns of a company file are in no result, and how to copy one; `names` can be empty."""
    if names:
        show(plain(f"Ignored columns: {names}. To copy one to the result, name it with --id."), stderr=stderr)


def show_endpoint(status: str) -> None:
    """Show a new status of the endpoint that a command waits for."""
    show(f"endpoint: {status}")


def ask(question: str) -> bool:
    """Ask a question; return whether the answer is yes.

    Raises
    ------
    UsageError
        If nobody can answer, because standard input has ended.
    """
    import typer

    try:
        return typer.confirm(question, err=True)
    except typer.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise
        raise UsageError(
            "The question can't be answered: standard input has ended.", "Pass --yes to skip the question."
        ) from error


def plain(text: str) -> str:
    """Escape rich markup in text from elsewhere."""
    from rich.markup import escape

    return escape(text)
