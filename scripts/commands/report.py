"""`bankruptcy report`: the page that an execution's Evaluate step drew, in the browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.aws.session import (
    DEFAULT_PROJECT,
    Aws,
    LocalOption,
    ProjectOption,
    RegionOption,
    command,
    connect,
)
from scripts.terminal.console import console, fail

if TYPE_CHECKING:
    from pipeline.service import Execution

# Executions that Evaluate did not end in are passed over, this many at most.
_LOOKED_AT = 20


def report(
    execution: Annotated[
        str | None,
        typer.Argument(help="Execution ARN or the id at its end; default: the newest that has a report."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; default: one in ~/.cache/bankruptcy/reports."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Show it in the browser.")] = True,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Fetch an execution's report and open it: figures, curves, features, drift, provenance."""
    import webbrowser

    if output is not None and not output.parent.is_dir():
        fail(f"{output} can't be written: there is no folder {output.parent}.")
    aws = connect(project, local=local, region=region)
    found = _find(aws, execution)
    path = save(aws, found, output)
    console().print(f"Report of {found.id}: {path}", soft_wrap=True)
    if open_ and not _has_display():
        console().print("There is no display to open it on.")
    elif open_ and not webbrowser.open(path.resolve().as_uri()):
        console().print("No browser could be started; open the file yourself.")


def save(aws: Aws, execution: Execution, path: Path | None = None) -> Path:
    """Write an execution's report to a file and return its path.

    Raises
    ------
    typer.Exit
        After a message, when the execution has no report or the file can't be written.
    """
    from botocore.exceptions import ClientError

    from pipeline.service import evaluation_uri
    from scripts.data.source import cache_folder

    uri = evaluation_uri(aws.client("sagemaker"), execution)
    if uri is None:
        fail(
            f"Execution {execution.id} ({execution.status}) has no report: "
            "its Evaluate step has not succeeded."
        )
    folder = uri.rpartition("/")[0]
    bucket, _, key = f"{folder}/report.html".removeprefix("s3://").partition("/")
    try:
        page = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        fail(f"s3://{bucket}/{key} can't be read: {error.response['Error']['Message']}")
    try:
        if path is None:
            path = cache_folder() / "reports" / f"{execution.id}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page)
    except OSError as error:
        fail(f"{path} can't be written ({error.strerror}). Name another file with --output.")
    return path


def _find(aws: Aws, given: str | None) -> Execution:
    from pipeline.service import describe, evaluation_uri, list_executions
    from scripts.commands.pipeline import resolve_execution

    sagemaker = aws.client("sagemaker")
    if given is not None:
        return describe(sagemaker, resolve_execution(aws, given))
    known = list_executions(sagemaker, aws.project, _LOOKED_AT)
    for item in known:
        execution = describe(sagemaker, item.arn)
        if evaluation_uri(sagemaker, execution) is not None:
            return execution
    fail(
        f"None of the newest {len(known)} executions of {aws.project.pipeline} has a report. "
        f"`{command('pipeline start --wait')}` makes one."
    )


def _has_display() -> bool:
    # Without one, Python would start a browser for the terminal, if there is any, and wait for its end.
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
