"""How every command speaks: one console, one form of error, one of counts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console(*, stderr: bool = False) -> Console:
    """Return the console for results, or the one for errors."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def fail(message: str) -> NoReturn:
    """Print an error the way every command does and end with status 1."""
    from rich.markup import escape

    console(stderr=True).print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(1)
