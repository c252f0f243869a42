"""`bankruptcy deploy` and `bankruptcy destroy`: the whole system into an account and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    pass

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before something is replaced or deleted.")]


def deploy() -> None:
    """Deploy."""


def destroy() -> None:
    """Destroy."""
