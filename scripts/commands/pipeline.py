"""`bankruptcy pipeline`: executions of the SageMaker Pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from scripts.aws.session import Aws
from scripts.errors import UsageError
from scripts.terminal.console import console, show
from scripts.terminal.options import Settings, parse_parameters, with_settings
from scripts.terminal.results import show_result, with_json

app = typer.Typer(name="pipeline", no_args_is_help=True)

ExecutionArgument = Annotated[
    str | None, typer.Argument(help="Id or ARN of the execution. Default: the newest one.")
]

WaitOption = Annotated[bool, typer.Option("--wait", help="Show live progress until the execution ends.")]


@app.callback()
@with_settings
def pipeline(_settings: Settings) -> None:
    """Start, watch, stop and retry executions of the SageMaker Pipeline."""


@app.command()
@with_settings
@with_json
def upsert(settings: Settings) -> None:
    """Upload the steps' code, and create or update the pipeline."""
    from scripts.deploy.deployment import upsert_pipeline
    from scripts.deploy.outputs import read_outputs

    aws = settings.connect()
    outcome = upsert_pipeline(aws, read_outputs(aws))
    name = aws.project.pipeline
    show_result({"pipeline": name, "outcome": outcome}, lambda: show(f"Pipeline [bold]{name}[/]: {outcome}."))


@app.command()
@with_settings
@with_json
def start(
    settings: Settings,
    data_uri: Annotated[
        str | None, typer.Option("--data-uri", help="S3 URI of the data. Default: the newest upload.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="Pipeline parameter, as Name=Value; can be repeated."),
    ] = None,
    wait: WaitOption = False,
) -> None:
    """Start an execution."""
    from scripts.operate.executions import start_execution

    parameters = parse_parameters(parameter, example="MinRocAuc=0.9")
    if data_uri:
        if "InputDataUri" in parameters:
            raise UsageError(
                "The data is given twice: as --data-uri and as --parameter InputDataUri.", "Give it once."
            )
        parameters["InputDataUri"] = data_uri
    aws = settings.connect()
    arn, uri = start_execution(aws, parameters)
    show(f"Started [bold]{arn.rpartition('/')[2]}[/] on {uri}")
    if wait:
        _wait(settings, aws, arn)
    else:
        _show(aws, arn, lambda: print(arn))  # noqa: T201 - on its own line, for scripts


def _show(aws: Aws, arn: str, show_text: Callable[[], object]) -> None:
    """Show an execution: as text in the given way, or with --json as a document."""
    from scripts.terminal.documents import execution_document

    show_result(lambda: execution_document(aws, arn), show_text)


def _wait(settings: Settings, aws: Aws, arn: str) -> None:
    """Show an execution until it ends, then the next commands."""
    from scripts.terminal.progress import follow, require_success, show_outcome

    try:
        execution = follow(aws, arn)
    except KeyboardInterrupt:
        watch, stop = settings.command("pipeline status --wait"), settings.command("pipeline stop")
        name = arn.rpartition("/")[2]
        show(f"Execution {name} continues. `{watch}` waits for it, `{stop}` stops it.", stderr=True)
        raise
    _show(aws, arn, lambda: show_outcome(aws, execution))
    require_success(aws, execution)
    report, approve = settings.command("report"), settings.command("model approve --wait")
    show(f"Next  `{report}`, then `{approve}`")


@app.command()
@with_settings
@with_json
def status(settings: Settings, execution: ExecutionArgument = None, wait: WaitOption = False) -> None:
    """Show an execution's steps and figures."""
    from scripts.operate.executions import resolve_execution
    from scripts.terminal.progress import show_execution

    aws = settings.connect()
    arn = resolve_execution(aws, execution)
    if wait:
        _wait(settings, aws, arn)
    else:
        _show(aws, arn, lambda: show_execution(aws, arn))


@app.command("list")
@with_settings
@with_json
def list_(settings: Settings) -> None:
    """List the newest executions."""
    from pipeline.service import list_executions
    from scripts.terminal.documents import execution_summary
    from scripts.terminal.tables import executions_table

    aws = settings.connect()
    executions = list_executions(aws.client("sagemaker"), aws.project.pipeline)

    def show_executions() -> None:
        if executions:
            console().print(executions_table(executions))
        else:
            upload, start = settings.command("data upload"), settings.command("pipeline start --wait")
            show(f"No execution yet. `{upload}`, then `{start}` starts one.")

    show_result({"executions": [execution_summary(each) for each in executions]}, show_executions)


@app.command()
@with_settings
@with_json
def stop(settings: Settings, execution: ExecutionArgument = None) -> None:
    """Stop a running execution and its jobs."""
    from scripts.operate.executions import resolve_execution, stop_execution

    aws = settings.connect()
    arn = resolve_execution(aws, execution)
    stop_execution(aws, arn)
    text = f"Stopping {arn.rpartition('/')[2]}; `{settings.command('pipeline status')}` shows its progress."
    _show(aws, arn, lambda: show(text))


@app.command()
@with_settings
@with_json
def retry(settings: Settings, execution: ExecutionArgument = None, wait: WaitOption = False) -> None:
    """Continue a failed or stopped execution: run the steps that have not succeeded."""
    from scripts.operate.executions import resolve_execution, retry_execution

    aws = settings.connect()
    arn = resolve_execution(aws, execution)
    retry_execution(aws, arn)
    text = f"Retrying {arn.rpartition('/')[2]}"
    if wait:
        show(text)
        _wait(settings, aws, arn)
    else:
        watch = settings.command("pipeline status --wait")
        _show(aws, arn, lambda: show(f"{text}; `{watch}` waits for it."))
