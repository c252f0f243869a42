"""docs/scripting.md documents the JSON result of every command."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from support.scripting import PAGE, differences, documented_results

import scripts
from scripts.cli import app
from scripts.errors import ScriptError


def commands_of(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the words and the object of every command that is not a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands_of(typer.main.get_command(app)))


def test_every_command_has_a_documented_result() -> None:
    assert sorted(documented_results()) == sorted(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_takes_json(words: str) -> None:
    options = [option for parameter in COMMANDS[words].params for option in parameter.opts]
    assert "--json" in options, f"decorate `{words}` with scripts.terminal.results.with_json"


def test_every_error_code_is_documented() -> None:
    for module in pkgutil.walk_packages(scripts.__path__, "scripts."):
        importlib.import_module(module.name)
    codes, classes = set(), [ScriptError]
    while classes:
        found = classes.pop()
        classes += found.__subclasses__()
        codes.add(found.code)
    table = PAGE.read_text(encoding="utf-8").partition("## Error codes")[2]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == codes


@pytest.mark.parametrize(
    ("result", "problems"),
    [
        ({"a": 1, "b": [{"c": "x"}], "d": {"k": 2}}, []),
        ({"a": 1.5, "b": [], "d": {}}, []),
        ({"a": None, "b": [{"c": None}], "d": None}, []),
        ({"b": [], "d": {}}, [".a is missing"]),
        ({"a": 1, "b": [{"c": "x", "e": 1}], "d": {}}, [".b[].e is not documented"]),
        ({"a": True, "b": [], "d": {}}, [".a is True, unlike 1"]),
        ({"a": 1, "b": {}, "d": {}}, [".b is {}, unlike [{'c': 'y'}]"]),
    ],
)
def test_undocumented_fields_are_noticed(result: dict[str, Any], problems: list[str]) -> None:
    assert list(differences({"a": 1, "b": [{"c": "y"}], "d": {"…": 1}}, result)) == problems
