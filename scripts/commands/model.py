"""`bankruptcy model`: the registry, where a person approves what is deployed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

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
    from collections.abc import Callable

    from scripts.model.contracts import ContractChange

app = typer.Typer(help="The model registry: list, show, approve, reject.", no_args_is_help=True)

VersionArgument = Annotated[int | None, typer.Argument(help="Version; default: the newest.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the endpoint serves it.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask when the columns change.")]
RejectYesOption = Annotated[bool, typer.Option("--yes", help="Do not ask when the version is served.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; kept in the registry.")]


@app.command("list")
def list_(
    project: ProjectOption = DEFAULT_PROJECT, local: LocalOption = False, region: RegionOption = None
) -> None:
    """List the versions, newest first."""
    from rich.table import Table

    aws = connect(project, local=local, region=region)
    table = Table(box=None, pad_edge=False)
    for heading in ("version", "approval", "created", "ROC-AUC", "candidate"):
        table.add_column(heading)
    for package in _packages(aws):
        metadata = _described(aws, package).get("CustomerMetadataProperties", {})
        table.add_row(
            str(package["ModelPackageVersion"]),
            package.get("ModelApprovalStatus", ""),
            f"{package['CreationTime']:%Y-%m-%d %H:%M:%S}",
            figure(metadata.get("RocAuc", "")),
            metadata.get("Candidate", ""),
        )
    console().print(table)


@app.command()
def show(
    version: VersionArgument = None,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Show one version: approval, artefact, figures, contract."""
    from rich.table import Table

    aws = connect(project, local=local, region=region)
    package = find(aws, version)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("version", str(package["ModelPackageVersion"]))
    table.add_row("ARN", package["ModelPackageArn"])
    table.add_row("approval", package["ModelApprovalStatus"])
    if package.get("ApprovalDescription"):
        table.add_row("note", package["ApprovalDescription"])
    table.add_row("artefact", package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    statistics = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    if statistics:
        table.add_row("evaluation", statistics["S3Uri"])
    for name, value in sorted(package.get("CustomerMetadataProperties", {}).items()):
        table.add_row(name, value)
    console().print(table)


@app.command()
def approve(
    version: VersionArgument = None,
    note: NoteOption = "",
    wait: WaitOption = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Approve a version: the registry's event makes deploy_model deploy it."""
    from scripts.model.contracts import contract_change

    aws = connect(project, local=local, region=region)
    package = find(aws, version)
    change = contract_change(aws, package)
    if change is not None:
        _warn(package["ModelPackageVersion"], change)
        if not yes and not typer.confirm("Approve it?"):
            raise typer.Abort
    set_approval(aws, package, "Approved", note)
    console().print(
        f"Version {package['ModelPackageVersion']} is approved; its deployment has been asked for."
    )
    if wait:
        wait_until_served(aws, package["ModelPackageVersion"])
        console().print(
            f"Endpoint [bold]{aws.project.endpoint}[/] serves version {package['ModelPackageVersion']}."
        )


@app.command()
def reject(
    version: VersionArgument = None,
    note: NoteOption = "",
    yes: RejectYesOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Reject a version; where it is running, the newest approved one takes its place."""
    from scripts.operate.status import next_version, read_endpoint

    aws = connect(project, local=local, region=region)
    package = find(aws, version)
    number = package["ModelPackageVersion"]
    if read_endpoint(aws.session, aws.project).version == str(number):
        other = next_version(aws.session, aws.project, without=number)
        what = (
            "no approved version is left: the endpoint is removed and the API answers 503"
            if other is None
            else f"version {other} takes over"
        )
        console().print(f"[yellow]Version {number} is the one that is served;[/] {what}.", soft_wrap=True)
        if not yes and not typer.confirm("Reject it?"):
            raise typer.Abort
    set_approval(aws, package, "Rejected", note)
    console().print(f"Version {number} is rejected.")


def _warn(version: int, change: ContractChange) -> None:
    """Show which columns change, and what that means to clients."""
    from rich.markup import escape

    out = console()
    out.print(
        f"[yellow]Version {version} takes other numbers than version {change.deployed}, "
        "which clients know:[/]",
        soft_wrap=True,
    )
    for colour, word, names in (("red", "goes ", change.goes), ("green", "comes", change.comes)):
        for name in names:
            out.print(f"  [{colour}]{word}[/]  {escape(name)}", soft_wrap=True)
    if change.moves is not None:
        place, name = change.moves
        out.print(f"  [cyan]moves[/]  from number {place} on, where {escape(name)!r} comes to stand")
    out.print(
        "Clients that pin the contract get 409 until they read GET /model again. Numbers by position "
        "that pin none are taken for other columns, or refused with 422 where their count changes. "
        "Numbers by name are " + ("refused with 422." if change.goes or change.comes else "not affected."),
        soft_wrap=True,
    )


def set_approval(aws: Aws, package: dict[str, Any], status: str, note: str) -> None:
    """Set the approval status of a model package."""
    extra = {"ApprovalDescription": note} if note else {}
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus=status, **extra
    )


def find(aws: Aws, version: int | None) -> dict[str, Any]:
    """Return the description of a version, or of the newest one."""
    known = _packages(aws)
    if not known:
        fail(
            f"Group {aws.project.model_package_group} holds no model yet. "
            f"`{command('pipeline start --wait')}` registers one when it passes the gate."
        )
    for package in known:
        if version is None or package["ModelPackageVersion"] == version:
            return _described(aws, package)
    fail(f"There is no version {version}; known: {', '.join(str(p['ModelPackageVersion']) for p in known)}.")


def wait_until_served(
    aws: Aws,
    version: int,
    *,
    timeout: float = 1800,
    on_change: Callable[[str], None] = lambda _: None,
) -> None:
    """Wait until the endpoint is InService and the API's contract names a version.

    Parameters
    ----------
    aws : Aws
        Where the endpoint is.
    version : int
        The model package version that shall answer.
    timeout : float
        Seconds; an instance endpoint takes some minutes on AWS.
    on_change : callable
        Called with every new state of the endpoint.
    """
    from scripts.model.contracts import champion_version

    s3 = aws.client("s3")
    deadline = time.monotonic() + timeout
    seen = None
    while time.monotonic() < deadline:
        state = _endpoint_state(aws)
        if state != seen:
            on_change(state)
            seen = state
        if state == "Failed":
            fail(f"Endpoint {aws.project.endpoint} failed; its reason and log are in the SageMaker console.")
        if state == "InService" and champion_version(s3, aws.project.bucket) == str(version):
            return
        time.sleep(0.1 if aws.is_local else 10)
    fail(
        f"After {timeout:.0f} s endpoint {aws.project.endpoint} does not serve version {version} "
        f"(it is {seen}). The log of the function {aws.project.deploy_function} says why."
    )


def _endpoint_state(aws: Aws) -> str:
    from botocore.exceptions import ClientError

    try:
        state: str = aws.client("sagemaker").describe_endpoint(EndpointName=aws.project.endpoint)[
            "EndpointStatus"
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return "not there yet"
    return state


def figure(text: str) -> str:
    """Return a figure of the metadata with four places; as it stands there if it is none."""
    try:
        return f"{float(text):.4f}"
    except ValueError:
        return text


def _described(aws: Aws, package: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = aws.client("sagemaker").describe_model_package(
        ModelPackageName=package["ModelPackageArn"]
    )
    return described


def _packages(aws: Aws) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    paginator = aws.client("sagemaker").get_paginator("list_model_packages")
    pages = paginator.paginate(
        ModelPackageGroupName=aws.project.model_package_group, SortBy="CreationTime", SortOrder="Descending"
    )
    try:
        packages = [package for page in pages for package in page["ModelPackageSummaryList"]]
    except ClientError as error:
        fail(f"The registry did not answer: {error.response['Error']['Message']}")
    return sorted(packages, key=lambda package: -package["ModelPackageVersion"])
