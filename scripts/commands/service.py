"""`bankruptcy deploy` and `bankruptcy destroy`: the whole system into an account and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.pipeline import parse_parameters
from scripts.console import console, fail
from scripts.session import DEFAULT_PROJECT, Aws, LocalOption, ProjectOption, RegionOption, command, connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.deployment import Outputs
    from scripts.stacks import Change, Event

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before something is replaced or removed.")]


def deploy(
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="Name=Value of infra/service.yaml; may be given again."),
    ] = None,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Bring the account to what this repository says: storage, functions, API, events, pipeline."""
    from scripts.deployment import DeploymentError
    from scripts.deployment import deploy as bring

    aws = connect(project, local=local, region=region)
    given = parse_parameters(parameter or [], example="InstanceType=ml.m5.large")

    def confirm(changes: Sequence[Change]) -> bool:
        for change in changes:
            console().print(f"  {change.action} {change.resource} ({change.type})")
        return yes or typer.confirm("Replace or remove these?")

    try:
        deployment = bring(
            aws.session,
            aws.project,
            confirm=confirm,
            on_event=_show,
            parameters=given,
        )
    except DeploymentError as error:
        fail(str(error))
    if not deployment.changed:
        console().print("Nothing to change: the account is as this repository says.")
    _tell(aws, deployment.outputs)


def destroy(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Remove data, models and model packages too.")
    ] = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Take the service out of the account again; data, models and packages stay unless told otherwise."""
    from scripts.stacks import DeploymentError
    from scripts.teardown import destroy as remove

    aws = connect(project, local=local, region=region)
    what = "the service, its data and its models" if delete_data else "the service (data and models stay)"
    if not yes and not typer.confirm(f"Remove {what} of {project} from account {aws.project.account}?"):
        raise typer.Abort
    try:
        teardown = remove(aws.session, aws.project, delete_data=delete_data, on_event=_show)
    except DeploymentError as error:
        fail(str(error))
    for kept in teardown.kept:
        console().print(f"kept: {kept}", soft_wrap=True)


def _show(event: Event) -> None:
    from rich.markup import escape

    bad = event.status.endswith(("FAILED", "ROLLBACK_IN_PROGRESS"))
    colour = "red" if bad else "green" if event.status.endswith("COMPLETE") else "default"
    reason = f"  {escape(event.reason)}" if event.reason else ""
    console().print(
        f"[dim]{event.source}[/]  {event.subject}  [{colour}]{event.status}[/]{reason}", soft_wrap=True
    )


def _tell(aws: Aws, outputs: Outputs) -> None:
    out = console()
    out.print(f"\nAPI       [bold]{outputs.api_url}[/]", soft_wrap=True)
    gateway = aws.client("apigateway").meta
    endpoint = f"--endpoint-url {gateway.endpoint_url} " if aws.is_local else ""
    asked = f"aws {endpoint}--region {gateway.region_name} apigateway get-api-key --include-value"
    shown = f"{asked} --api-key {outputs.api_key_id} --query value --output text"
    out.print(f"API key   KEY=$({shown})", soft_wrap=True)
    out.print(f"Try it    curl {outputs.api_url}/health", soft_wrap=True)
    out.print(f'With key  curl -H "x-api-key: $KEY" {outputs.api_url}/model', soft_wrap=True)
    upload, start = command("data upload"), command("pipeline start --wait")
    out.print(f"Next      {upload}, then {start}", soft_wrap=True)
