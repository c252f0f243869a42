"""`bankruptcy report`: the report of an execution or a version, in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.terminal.browser import open_page
from scripts.terminal.console import plain, show
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.output_file import check_folder
from scripts.terminal.results import show_result, with_json


@with_settings
@with_json
def report(
    settings: Settings,
    execution: Annotated[
        str | None,
        typer.Argument(help="Id or ARN of the execution. Default: the newest one with a report."),
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", help="Report of this version, even if it was promoted.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: a file in ~/.cache/bankruptcy/reports."),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the report in the browser; --json never does.")
    ] = True,
) -> None:
    """Download a report and open it: figures, curves, features, drift, provenance."""
    from scripts.errors import UsageError
    from scripts.model.approval import find_version
    from scripts.operate.reports import find_reported, save_report, save_version_report

    if output is not None:
        check_folder(output)
    if execution is not None and version is not None:
        raise UsageError(
            f"Both the execution {execution} and version {version} are given.", "Name only one of them."
        )
    aws = settings.connect()
    if version is None:
        found = find_reported(aws, execution)
        subject, path = found.id, save_report(aws, found, output)
    else:
        subject, path = f"version {version}", save_version_report(aws, find_version(aws, version), output)
    result = {"execution": None if version else subject, "version": version, "file": path}
    show_result(result, lambda: show(f"Report of {subject}: {plain(str(path))}"))
    if open_:
        open_page(path.resolve().as_uri())
