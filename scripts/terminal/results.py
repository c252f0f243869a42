"""Shows the result of a command: for people, or with --json as one JSON document."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from functools import wraps
from pathlib import PurePath
from typing import Annotated, Any

import typer

from scripts.errors import ScriptError

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON (docs/scripting.md); messages go to stderr.")
]


@dataclass
class _Output:
    """Whether the running command prints JSON, and whether it has done so."""

    is_json: bool = False
    is_printed: bool = False


# A process runs one command at a time; its threads print, too, so this is no context variable.
_output = _Output()


def is_json() -> bool:
    """Return whether standard output belongs to a JSON document."""
    return _output.is_json


@contextmanager
def one_command() -> Iterator[None]:
    """Run a command whose output does not depend on an earlier command of this process."""
    global _output  # noqa: PLW0603 - see above
    _output = _Output()
    try:
        yield
    finally:
        _output = _Output()


def with_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --json to a command, which hands its result to `show_result`."""

    @wraps(command)
    def run(*arguments: Any, as_json: bool, **options: Any) -> Any:
        _output.is_json = as_json
        return command(*arguments, **options)

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption
    )
    parameters = [*signature.parameters.values(), option]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


Document = Mapping[str, Any]


def show_result(document: Document | Callable[[], Document], show: Callable[[], object]) -> None:
    """Show the result of a command.

    Parameters
    ----------
    document
        The result for programs, or a function that returns it, if only --json needs further requests. It
        can contain dataclasses, times and paths.
    show
        Shows the result to people. It is not called with --json.
    """
    if _output.is_json:
        _print(document() if callable(document) else document)
    else:
        show()


def show_error_result(error: ScriptError, hint: str) -> None:
    """With --json, print an error as the command's result, unless it has printed a result already."""
    if _output.is_json and not _output.is_printed:
        _print({"error": {"code": error.code, "problem": error.problem, "hint": hint}})


def _print(document: Document) -> None:
    # Flushed, because a reader may wait for the result of a command that goes on, such as `local start`.
    print(json.dumps(document, default=_as_json, indent=2), flush=True)  # noqa: T201 - for programs
    _output.is_printed = True


def _as_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
