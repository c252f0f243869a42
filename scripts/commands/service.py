"""`bankruptcy deploy` and `bankruptcy destroy`: the whole system into an account and out of it."""

from __future__ import annotations

from collections import Counter, defaultdict
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
from scripts.commands.pipeline import parse_parameters
from scripts.terminal.console import console, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.aws.stacks import Change, Event
    from scripts.deploy.deployment import Outputs

VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="List every event; without a terminal that is done anyway.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before something is replaced or removed.")]
# What a change set does to a resource.
_CHANGES = {"Add", "Modify", "Replace", "Remove"}


class Watch:
    """Shows what happens: on a terminal a live line and in full what matters, elsewhere every event."""

    def __init__(self, *, verbose: bool = False) -> None:
        out = console()
        self.line = "Looking at what is there …"
        self._status = out.status(self.line) if out.is_terminal and not verbose else None
        self._planned: Counter[str] = Counter()
        self._done: dict[str, set[str]] = defaultdict(set)

    def __enter__(self) -> Watch:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        of_stack = event.subject == event.source
        if event.status in _CHANGES:
            self._planned[event.source] += 1
        elif event.status.endswith("_COMPLETE") and not of_stack:
            self._done[event.source].add(event.subject)
        routine = event.status in {"Add", "Modify"} or (event.status.isupper() and not of_stack)
        if self._status is None or not routine or _is_bad(event):
            _show(event)
        if self._status:
            done, planned = len(self._done[event.source]), self._planned[event.source]
            count = f" {done}/{planned}" if planned else f" {done}" if done else ""
            self.line = f"{event.source}{count}  {event.subject}  {event.status}"
            self._status.update(self.line)

    def ask(self, question: str) -> bool:
        """Ask a person, who could not answer below a line that is drawn anew all the time."""
        if self._status is None:
            return typer.confirm(question)
        self._status.stop()
        try:
            return typer.confirm(question)
        finally:
            self._status.start()


def deploy(
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="Name=Value of infra/service.yaml; may be given again."),
    ] = None,
    yes: YesOption = False,
    verbose: VerboseOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Bring the account to what this repository says: storage, functions, API, events, pipeline."""
    from scripts.deploy.deployment import DeploymentError
    from scripts.deploy.deployment import deploy as bring

    aws = connect(project, local=local, region=region)
    given = parse_parameters(parameter or [], example="InstanceType=ml.m5.large")

    def confirm(changes: Sequence[Change]) -> bool:
        for change in changes:
            console().print(f"  {change.action} {change.resource} ({change.type})")
        return yes or watch.ask("Replace or remove these?")

    try:
        with Watch(verbose=verbose) as watch:
            deployment = bring(aws.session, aws.project, confirm=confirm, on_event=watch, parameters=given)
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
    verbose: VerboseOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Take the service out of the account again; data, models and packages stay unless told otherwise."""
    from scripts.aws.stacks import DeploymentError
    from scripts.deploy.teardown import destroy as remove

    aws = connect(project, local=local, region=region)
    what = "the service, its data and its models" if delete_data else "the service (data and models stay)"
    if not yes and not typer.confirm(f"Remove {what} of {project} from account {aws.project.account}?"):
        raise typer.Abort
    try:
        with Watch(verbose=verbose) as watch:
            teardown = remove(aws.session, aws.project, delete_data=delete_data, on_event=watch)
    except DeploymentError as error:
        fail(str(error))
    for kept in teardown.kept:
        console().print(f"kept: {kept}", soft_wrap=True)


def _key(aws: Aws, outputs: Outputs) -> str:
    """Return what a shell takes for the API key: itself where it is no secret, else how to ask for it."""
    from scripts.predict.client import read_key

    if aws.is_local:
        return read_key(aws, outputs)
    asked = f"aws --region {aws.project.region} apigateway get-api-key --include-value"
    return f"$({asked} --api-key {outputs.api_key_id} --query value --output text)"


def _is_bad(event: Event) -> bool:
    return event.status.endswith(("FAILED", "ROLLBACK_IN_PROGRESS"))


def _show(event: Event) -> None:
    from rich.markup import escape

    colour = "red" if _is_bad(event) else "green" if event.status.endswith("COMPLETE") else "default"
    reason = f"  {escape(event.reason)}" if event.reason else ""
    console().print(
        f"[dim]{event.source}[/]  {event.subject}  [{colour}]{event.status}[/]{reason}", soft_wrap=True
    )


def _tell(aws: Aws, outputs: Outputs) -> None:
    out = console()
    out.print(f"\nAPI       [bold]{outputs.api_url}[/]", soft_wrap=True)
    out.print(f"API key   KEY={_key(aws, outputs)}", soft_wrap=True)
    out.print(f"Try it    curl {outputs.api_url}/health", soft_wrap=True)
    out.print(f'With key  curl -H "x-api-key: $KEY" {outputs.api_url}/model', soft_wrap=True)
    upload, start = command("data upload"), command("pipeline start --wait")
    out.print(f"Next      {upload}, then {start}", soft_wrap=True)
