"""`bankruptcy deploy` and `bankruptcy destroy`: deploy the whole system to an account, and remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scripts.aws.session import Aws
from scripts.terminal.console import ask, show
from scripts.terminal.events import EventLog
from scripts.terminal.options import Settings, parse_parameters, with_settings
from scripts.terminal.results import show_result, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.aws.stacks import Change
    from scripts.deploy.deployment import Deployment
    from scripts.deploy.outputs import Outputs

VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show every event instead of one live line.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before replacing or removing anything.")]


@with_settings
@with_json
def deploy(
    settings: Settings,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", help="Parameter of infra/service.yaml, as Name=Value; can be repeated."
        ),
    ] = None,
    yes: YesOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Deploy or update everything in the account: storage, functions, API, events, pipeline."""
    from scripts.deploy.deployment import deploy as deploy_all

    parameters = parse_parameters(parameter, example="InstanceType=ml.m5.large")
    aws = settings.connect()

    def confirm(changes: Sequence[Change]) -> bool:
        for change in changes:
            show(f"  {change.action} {change.resource} ({change.type})")
        return yes or log.ask("Replace or remove these?")

    with EventLog(verbose=verbose) as log:
        deployment = deploy_all(aws, confirm=confirm, on_event=log, parameters=parameters)
    document = {
        "storage": deployment.storage,
        "service": deployment.service,
        "pipeline": deployment.pipeline,
        "key_required": deployment.needs_key,
        "outputs": deployment.outputs,
    }
    show_result(document, lambda: _show_deployment(settings, aws, deployment))


@with_settings
@with_json
def destroy(
    settings: Settings,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also remove data, models and model packages.")
    ] = False,
    yes: YesOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Remove the service from the account; by default, data, models and packages stay."""
    from scripts.deploy.teardown import destroy as destroy_all

    aws = settings.connect()
    extent = "the service, its data and its models" if delete_data else "the service (not data and models)"
    question = f"Remove {extent} of {settings.project} from account {aws.project.account}?"
    if not yes and not ask(question):
        raise typer.Abort
    with EventLog(verbose=verbose) as log:
        teardown = destroy_all(aws, delete_data=delete_data, on_event=log)

    def show_kept() -> None:
        for kept in teardown.kept:
            show(f"kept: {kept}")
        for lost in teardown.lost:
            show(f"lost: {lost}")

    show_result(vars(teardown), show_kept)


def _show_deployment(settings: Settings, aws: Aws, deployment: Deployment) -> None:
    """Show how to use the service."""
    outputs = deployment.outputs
    if not deployment.changed:
        show("Nothing to change: everything is already up to date.")
    show(f"\nAPI       URL={outputs.api_url}", wrap=False)
    if deployment.needs_key:
        show(f"API key   KEY={_key(aws, outputs)}", wrap=False)
        show("Try it    curl $URL/health", wrap=False)
        show('With key  curl -H "x-api-key: $KEY" $URL/model', wrap=False)
    else:
        show("API key   none: everybody who can reach the API can use it (ApiKeyRequired=false)")
        show("Try it    curl $URL/model", wrap=False)
    upload, start = settings.command("data upload"), settings.command("pipeline start --wait")
    show(f"Next      `{upload}`, then `{start}`")


def _key(aws: Aws, outputs: Outputs) -> str:
    """Return the API key for a shell: on local AWS the key, elsewhere a command that prints it."""
    from scripts.predict.client import read_key

    if aws.is_local:
        return read_key(aws, outputs)
    get_key = f"aws --region {aws.project.region} apigateway get-api-key --include-value"
    return f"$({get_key} --api-key {outputs.api_key_id} --query value --output text)"
