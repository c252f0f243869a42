"""Gives the pages of the console the connection, the templates, and their responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from scripts.aws.session import Aws
from scripts.console.background import Background
from scripts.console.guard import FORM_TOKEN, Guard
from scripts.console.operations import Operations
from scripts.console.reads import Reads

T = TypeVar("T")
R = TypeVar("R")

# A method, a path, and the function that answers with the site, the request and the parts of the path.
Route = tuple[str, str, Callable[..., Any]]

FOLDER = Path(__file__).parent
# Reads of one page that run at the same time; boto3 has ten connections per client.
_PARALLEL = 8


@dataclass(frozen=True)
class Commands:
    """Writes the command lines that do the same as a page.

    Parameters
    ----------
    command
        Returns the command line for a command's words, with the options that the console was started with.
    complete
        Adds these options to the commands in a text.
    """

    command: Callable[[str], str]
    complete: Callable[[str], str]


class Site:
    """The connection, reads, operations and templates of all pages.

    Parameters
    ----------
    aws
        A connection that several threads can use.
    """

    def __init__(self, aws: Aws, guard: Guard, commands: Commands, *, read_only: bool) -> None:
        self.aws = aws
        self.guard = guard
        self.commands = commands
        self.reads = Reads()
        self.operations = Operations()
        self.background = Background()
        self._templates = _templates()
        self._facts = {
            "project": aws.project,
            "is_local": aws.is_local,
            "read_only": read_only,
            "form_token_name": FORM_TOKEN,
            "form_token": guard.form_token,
            "command": commands.command,
            "complete": commands.complete,
        }

    def page(self, request: Request, template: str, code: int = 200, **values: Any) -> Response:
        """Return a page made from a template."""
        path = request.full_path.rstrip("?")
        text = self._templates.get_template(template).render(path=path, **self._facts, **values)
        return Response(text, code, content_type="text/html; charset=utf-8")

    def changed(self, path: str) -> Response:
        """Return a redirection to a page after a change; nothing that was read before is shown there."""
        self.reads.forget()
        return redirect(path, 303)

    def read_all(self, read: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Read several things at the same time, and return the results in the order of the items."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(read, items))


@cache
def _templates() -> Environment:
    """Return the templates. All are compiled now, because that takes longer than to fill one in."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(exact=exact_time, iso=_iso, duration=duration)
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


def report_response(page: bytes) -> Response:
    """Return a report, which the browser may neither run scripts of nor let send anything."""
    response = Response(page, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    )
    return response


def exact_time(time: datetime) -> str:
    """Return a time in UTC to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def duration(start: datetime, end: datetime | None) -> str:
    """Return how long something took, or has taken so far."""
    seconds = ((end or datetime.now(UTC)) - start).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
