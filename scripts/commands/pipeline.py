"""`bankruptcy pipeline`: executions of the SageMaker Pipeline."""

from __future__ import annotations

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

app = typer.Typer(help="Executions of the SageMaker Pipeline.", no_args_is_help=True)

ExecutionArgument = Annotated[
    str | None, typer.Argument(help="Execution ARN or the id at its end; default: the newest execution.")
]


@app.command()
def upsert(
    project: ProjectOption = DEFAULT_PROJECT, local: LocalOption = False, region: RegionOption = None
) -> None:
    """Upload the steps' code and create or update the pipeline."""
    from scripts.deploy.deployment import DeploymentError, read_outputs, upsert_pipeline

    aws = connect(project, local=local, region=region)
    try:
        outputs = read_outputs(aws.client("cloudformation"), aws.project)
    except DeploymentError as error:
        fail(str(error))
    change = upsert_pipeline(aws.session, aws.project, outputs)
    console().print(f"Pipeline [bold]{aws.project.pipeline}[/]: {change}.")


@app.command()
def start(
    data_uri: Annotated[
        str | None, typer.Option("--data-uri", help="InputDataUri; default: the newest upload.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="Name=Value of a pipeline parameter; may be given again."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show live progress until the execution ends.")
    ] = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Start an execution."""
    from botocore.exceptions import ClientError

    from pipeline.service import start as start_execution
    from scripts.data.upload import newest_upload

    aws = connect(project, local=local, region=region)
    parameters = parse_parameters(parameter or [])
    if data_uri:
        parameters["InputDataUri"] = data_uri
    if "InputDataUri" in parameters:
        _check_uri(aws, parameters["InputDataUri"])
    else:
        newest = newest_upload(aws.client("s3"), aws.project.bucket)
        if newest is None:
            fail(f"s3://{aws.project.bucket}/data/ holds no data yet. Run `{command('data upload')}` first.")
        parameters["InputDataUri"] = newest
    try:
        arn = start_execution(aws.client("sagemaker"), aws.project, parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFound":
            raise  # told as for every command that asks for the pipeline
        fail(f"The execution was not started: {error.response['Error']['Message']}")
    console().print(
        f"Started [bold]{arn.rpartition('/')[2]}[/] on {parameters['InputDataUri']}", soft_wrap=True
    )
    if wait:
        _wait(aws, arn)
    else:
        print(arn)  # noqa: T201 - alone on stdout, for scripts


def _wait(aws: Aws, arn: str) -> None:
    try:
        follow(aws, arn)
    except KeyboardInterrupt:
        status, stop = command("pipeline status"), command("pipeline stop").replace("bankruptcy", "…", 1)
        told = f"Execution {arn.rpartition('/')[2]} goes on: `{status}`, `{stop}`."
        console(stderr=True).print(told, soft_wrap=True)
        raise
    report, approve = command("report"), command("model approve --wait")
    console().print(f"Next  {report}, then {approve}", soft_wrap=True)


def _check_uri(aws: Aws, uri: str) -> None:
    """End with a message where no data lies: an execution would fail there only after minutes."""
    from shlex import quote

    from scripts.data.upload import is_there

    if not uri.startswith("s3://"):
        upload = command(f"data upload --data {quote(uri)}")
        fail(f"{uri} is no S3 URI (s3://bucket/key). Upload the file, which prints its URI: `{upload}`.")
    if not uri.removeprefix("s3://").partition("/")[0] or not is_there(aws.client("s3"), uri):
        upload = command("data upload --data PATH")
        fail(f"Nothing lies at {uri}. Upload the file, which prints its URI: `{upload}`.")


def follow(aws: Aws, arn: str) -> Execution:
    """Show an execution until it ends, then its figures; exit with 1 unless it succeeded."""
    from scripts.terminal.progress import candidates_table, read_evaluation, show_progress

    execution = show_progress(aws, arn)
    evaluation = read_evaluation(aws, execution)
    if evaluation is not None:
        console().print(candidates_table(evaluation, is_sample=uses_sample(execution)))
    if execution.status != "Succeeded":
        judged = "" if evaluation is None else f" `{command('report')}` shows what was judged."
        fail(f"The execution ended as {execution.status}.{judged}")
    return execution


def uses_sample(execution: Execution) -> bool:
    """Whether an execution ran on generated sample data."""
    return execution.parameters.get("InputDataUri", "").endswith("/sample-data.csv")


def parse_parameters(given: list[str], example: str = "MinRocAuc=0.9") -> dict[str, str]:
    """Split Name=Value options; the example is for who has given another form.

    Raises
    ------
    typer.Exit
        After a message, when one has no equals sign.
    """
    parameters = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            fail(f"--parameter takes Name=Value, for example {example}; given: {item!r}")
        parameters[name] = value
    return parameters


@app.command()
def status(
    execution: ExecutionArgument = None,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Show an execution's steps and figures as they stand."""
    from datetime import UTC, datetime

    from pipeline.service import describe
    from scripts.terminal.progress import candidates_table, read_evaluation, steps_table

    aws = connect(project, local=local, region=region)
    found = describe(aws.client("sagemaker"), resolve_execution(aws, execution))
    out = console()
    out.print(f"[bold]{found.id}[/]: {found.status}")
    out.print(steps_table(found.steps, now=datetime.now(UTC)))
    for step in found.steps:
        if step.failure_reason:
            out.print(f"{step.name}: {step.failure_reason}", markup=False, soft_wrap=True)
    evaluation = read_evaluation(aws, found)
    if evaluation is not None:
        out.print(candidates_table(evaluation, is_sample=uses_sample(found)))


@app.command("list")
def list_(
    project: ProjectOption = DEFAULT_PROJECT, local: LocalOption = False, region: RegionOption = None
) -> None:
    """List the newest executions."""
    from rich.table import Table

    from pipeline.service import list_executions

    aws = connect(project, local=local, region=region)
    table = Table(box=None, pad_edge=False)
    for heading in ("execution", "status", "started"):
        table.add_column(heading)
    for item in list_executions(aws.client("sagemaker"), aws.project):
        table.add_row(item.id, item.status, f"{item.start:%Y-%m-%d %H:%M:%S}")
    console().print(table)


@app.command()
def stop(
    execution: ExecutionArgument = None,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Stop a running execution; its running jobs are stopped too."""
    from botocore.exceptions import ClientError

    from pipeline.service import stop as stop_execution

    aws = connect(project, local=local, region=region)
    arn = resolve_execution(aws, execution)
    try:
        stop_execution(aws.client("sagemaker"), arn)
    except ClientError as error:
        fail(f"It was not stopped: {error.response['Error']['Message']}")
    shows = f"`{command('pipeline status')}` shows when it has."
    console().print(f"Stopping {arn.rpartition('/')[2]}; {shows}", soft_wrap=True)


def resolve_execution(aws: Aws, given: str | None) -> str:
    """Return the ARN for an ARN, an id, or nothing (the newest execution)."""
    from pipeline.service import list_executions

    if given and given.startswith("arn:"):
        return given
    known = list_executions(aws.client("sagemaker"), aws.project)
    for item in known:
        if given is None or item.arn.endswith(f"/{given}"):
            return item.arn
    if given is None:
        starts = f"`{command('pipeline start')}` starts one."
        fail(f"Pipeline {aws.project.pipeline} has no execution yet; {starts}")
    shows = f"`{command('pipeline list')}` shows them."
    fail(f"No execution {given} among the newest {len(known)}; {shows}")
