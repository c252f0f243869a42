"""`bankruptcy report`: the report of an execution, in the browser."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts.terminal.console import plain, show
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.results import show_result, with_json


@with_settings
@with_json
def report(
    settings: Settings,
    execution: Annotated[
        str | None,
        typer.Argument(help="Id or ARN of the execution. Default: the newest one with a report."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: a file in ~/.cache/bankruptcy/reports."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in the browser.")] = True,
) -> None:
    """Download an execution's report and open it: figures, curves, features, drift, provenance."""
    import webbrowser

    from scripts.errors import UsageError
    from scripts.operate.reports import find_reported, save_report

    if output is not None and not output.parent.is_dir():
        raise UsageError(f"{output} can't be written: the folder {output.parent} does not exist.")
    aws = settings.connect()
    found = find_reported(aws, execution)
    path = save_report(aws, found, output)
    text = f"Report of {found.id}: {plain(str(path))}"
    show_result({"execution": found.id, "file": path}, lambda: show(text))
    if open_ and not _has_display():
        show("There is no display to open it on.")
    elif open_ and not webbrowser.open(path.resolve().as_uri()):
        show("No browser could be started. Open the file yourself.")


def _has_display() -> bool:
    # Without a display, Python might start a text browser and wait until it is closed.
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
