"""Prints results and errors in the same form for every command."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console(*, stderr: bool = False) -> Console:
    """Return the console for results, or the one for errors and progress."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def show(text: str, *, stderr: bool = False) -> None:
    """Print a line with rich markup; the terminal wraps it, so that copied commands stay in one piece."""
    console(stderr=stderr).print(text, soft_wrap=True)


def show_error(text: str) -> None:
    """Print an error."""
    show(f"[bold red]Error:[/] {plain(text)}", stderr=True)


def show_warning(text: str) -> None:
    """Print a warning."""
    show(f"[yellow]Warning:[/] {plain(text)}", stderr=True)


def plain(text: str) -> str:
    """Escape rich markup in a text that comes from elsewhere."""
    from rich.markup import escape

    return escape(text)
