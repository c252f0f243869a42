"""`bankruptcy deploy` and `bankruptcy destroy`: the whole system into an account and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import console, fail
from scripts.session import DEFAULT_PROJECT, LocalOption, ProjectOption, RegionOption, connect

if TYPE_CHECKING:
    from scripts.deployment import Outputs
    from scripts.session import Aws

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before something is replaced or deleted.")]
