"""The commands in the docs and the templates exist, with their options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from support.repository import ROOT

from scripts.cli import app

COMMANDS = typer.main.get_command(app)
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/*.yaml")]
# Comments and further commands in an indented line.
_REST = re.compile(r"\s(?:#|&&|\|)\s.*")


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands in a text: those between backticks, and those of indented lines."""
    yield from re.findall(r"`(bankruptcy [^`]+)`", text)
    for line in re.findall(r"^ {4,}(?:AWS_PROFILE=\S+ )?(bankruptcy .*)$", text, re.MULTILINE):
        yield _REST.sub("", line)


def problem_of(command: str) -> str:
    """Return the problem of a command; empty if it and its options exist."""
    words = shlex.split(command, comments=True)[1:]
    found: Any = COMMANDS
    while hasattr(found, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in found.commands:
            return f"{command!r}: there is no command {name!r}"
        found = found.commands[name]
    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [each for each in words if each.startswith("-") and each not in {*known, "--help", "--version"}]
    return f"{command!r}: there is no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist_with_their_options(path: Path) -> None:
    commands = commands_in(path.read_text(encoding="utf-8"))
    assert [problem for command in commands if (problem := problem_of(command))] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Run `bankruptcy deploy` first.", ""),
        ("    bankruptcy pause && bankruptcy resume  # both", ""),
        ("    AWS_PROFILE=x bankruptcy model approve 4 --wat", "there is no option --wat"),
        ("`bankruptcy pipeline begin`", "there is no command 'begin'"),
    ],
)
def test_a_wrong_command_is_found(text: str, problem: str) -> None:
    (command,) = commands_in(text)
    assert problem_of(command).endswith(problem)
    assert bool(problem_of(command)) == bool(problem)
