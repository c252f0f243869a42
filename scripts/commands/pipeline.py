"""`bankruptcy pipeline`: executions of the SageMaker Pipeline."""

from typing import Annotated

import typer

from scripts.aws.session import Aws
from scripts.errors import UsageError
from scripts.terminal.console import console, show
from scripts.terminal.options import Settings, parse_parameters, with_settings

app = typer.Typer(name="pipeline", no_args_is_help=True)

ExecutionArgument = Annotated[
    str | None, typer.Argument(help="Id or ARN of the execution. Default: the newest one.")
]

WaitOption = Annotated[bool, typer.Option("--wait", help="Show live progress until the execution ends.")]


@app.callback()
@with_settings
def pipeline(_settings: Settings) -> None:
    """Start, watch and stop executions of the SageMaker Pipeline."""


@app.command()
@with_settings
def upsert(settings: Settings) -> None:
    """Upload the steps' code, and create or update the pipeline."""
    from scripts.deploy.deployment import upsert_pipeline
    from scripts.deploy.outputs import read_outputs

    aws = settings.connect()
    outcome = upsert_pipeline(aws, read_outputs(aws))
    show(f"Pipeline [bold]{aws.project.pipeline}[/]: {outcome}.")


@app.command()
@with_settings
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
        print(arn)  # noqa: T201 - on its own line, for scripts


def _wait(settings: Settings, aws: Aws, arn: str) -> None:
    """Show an execution until it ends, then the next commands."""
    from scripts.terminal.progress import follow

    try:
        follow(aws, arn)
    except KeyboardInterrupt:
        watch, stop = settings.command("pipeline status --wait"), settings.command("pipeline stop")
        name = arn.rpartition("/")[2]
        show(f"Execution {name} continues. `{watch}` waits for it, `{stop}` stops it.", stderr=True)
        raise
    report, approve = settings.command("report"), settings.command("model approve --wait")
    show(f"Next  `{report}`, then `{approve}`")


@app.command()
@with_settings
def status(settings: Settings, execution: ExecutionArgument = None, wait: WaitOption = False) -> None:
    """Show an execution's steps and figures."""
    from pipeline.service import describe
    from scripts.operate.executions import resolve_execution
    from scripts.terminal.progress import show_execution

    aws = settings.connect()
    arn = resolve_execution(aws, execution)
    if wait:
        _wait(settings, aws, arn)
    else:
        show_execution(aws, describe(aws.client("sagemaker"), arn))


@app.command("list")
@with_settings
def list_(settings: Settings) -> None:
    """List the newest executions."""
    from pipeline.service import list_executions
    from scripts.terminal.tables import TIME_FORMAT, table

    aws = settings.connect()
    shown = table("execution", "status", "started")
    for item in list_executions(aws.client("sagemaker"), aws.project):
        shown.add_row(item.id, item.status, f"{item.start:{TIME_FORMAT}}")
    console().print(shown)


@app.command()
@with_settings
def stop(settings: Settings, execution: ExecutionArgument = None) -> None:
    """Stop a running execution and its jobs."""
    from scripts.operate.executions import resolve_execution, stop_execution

    aws = settings.connect()
    arn = resolve_execution(aws, execution)
    stop_execution(aws, arn)
    show(f"Stopping {arn.rpartition('/')[2]}; `{settings.command('pipeline status')}` shows its progress.")
