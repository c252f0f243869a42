"""`bankruptcy console`: executions, versions and the service as pages in the browser."""

from typing import Annotated

import typer

from scripts.terminal.browser import open_page
from scripts.terminal.console import show
from scripts.terminal.interrupts import wait_for_interruption
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.results import show_result, with_json

DEFAULT_PORT = 4680


@with_settings
@with_json
def console(
    settings: Settings,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 for any.")] = DEFAULT_PORT,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser; --json never does.")] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, and refuse every change.")
    ] = False,
) -> None:
    """Show executions, versions and the service in the browser until Ctrl-C."""
    from scripts.console.server import serving
    from scripts.console.site import Commands

    aws = settings.connect()
    commands = Commands(settings.command, settings.complete)
    with serving(aws, port, commands, read_only=read_only) as url:
        place = "local AWS" if aws.is_local else f"account {aws.project.account}"
        kind = ", read only" if read_only else ""

        def show_address() -> None:
            show(
                f"The console of [bold]{aws.project.name}[/] ({place}, {aws.project.region}{kind}) runs at\n"
            )
            show(f"  {url}\n", wrap=False)
            show("The address works once, and then only in that browser. Ctrl-C stops the console.")

        show_result({"url": url, "read_only": read_only}, show_address)
        if open_:
            open_page(url)
        wait_for_interruption()
    show("\nThe console has stopped.")
