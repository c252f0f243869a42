"""`bankruptcy up`: local AWS with a state, and in it the service with a model."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.aws.session import LOCAL_PORT, LOCAL_REGION, Aws, connect, use_local_aws
from scripts.commands.console import DEFAULT_PORT as CONSOLE_PORT
from scripts.commands.local_aws.local import running, settings_document, show_settings
from scripts.terminal.browser import has_display, open_page
from scripts.terminal.console import console, show, show_warning
from scripts.terminal.interrupts import wait_for_interruption
from scripts.terminal.options import DEFAULT_PROJECT, DataOption, Settings
from scripts.terminal.results import show_result, with_json

if TYPE_CHECKING:
    from scripts.data.data_file import DataFile
    from scripts.predict.client import ApiClient

# Everything is there already.
EXAMPLES = ("predict --row 0 --explain", "pipeline start --wait")


@with_json
def up(
    data: DataOption = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder of the state. Default: ~/.cache/bankruptcy/local-aws."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = LOCAL_PORT,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Only print the console's address; --json never opens it.")
    ] = False,
) -> None:
    """Run local AWS until Ctrl-C, with the service and a model, and open the console; all is kept."""
    from scripts.data.source import cache_folder
    from scripts.model.contracts import champion_version
    from scripts.predict.client import client_of
    from scripts.terminal.documents import as_version

    folder = state or cache_folder() / "local-aws"
    began = time.monotonic()
    with running(port, LOCAL_REGION, folder) as server, ExitStack() as stack:
        use_local_aws(server.url, LOCAL_REGION)
        aws = connect(DEFAULT_PROJECT)
        _deploy(aws)
        _make_model(aws, data)
        champion, client = champion_version(aws), client_of(aws)
        console_url = stack.enter_context(_console(aws))
        seconds = time.monotonic() - began

        def show_all() -> None:
            _show_service(champion, client, console_url, seconds)
            show_settings(server.url, LOCAL_REGION, folder, EXAMPLES, is_default=port == LOCAL_PORT)

        document = {
            **settings_document(server.url, LOCAL_REGION, folder),
            "champion": as_version(champion),
            "api_url": client.url,
            "api_key": client.key,
            "console": console_url,
        }
        show_result(document, show_all)
        if has_display() and not no_open:
            open_page(console_url)
        wait_for_interruption()


def _deploy(aws: Aws) -> None:
    from scripts.deploy.deployment import deploy

    with console().status("Deploying infra/storage.yaml and infra/service.yaml …"):
        deploy(aws, confirm=lambda _: True)


def _make_model(aws: Aws, data: Path | None) -> None:
    """Train the first version if there is none, and approve it; later versions are approved by people."""
    from scripts.aws.registry import list_versions
    from scripts.deploy.waiting import Waiting
    from scripts.model.approval import find_version, set_approval, wait_until_served
    from scripts.model.contracts import champion_version

    if not list_versions(aws):
        _train(aws, data)
    versions = list_versions(aws)
    if all(each.approval == "PendingManualApproval" for each in versions):
        package = find_version(aws, None)
        set_approval(aws, package, "Approved", "The first version, approved by `bankruptcy up`")
        versions = list_versions(aws)
    approved = next((each.version for each in versions if each.is_approved), None)
    if approved is not None and champion_version(aws) is None:
        waiting = Waiting(lambda status: show(f"[bold]Endpoint[/]   {status}"), timeout=120)
        wait_until_served(aws, approved, waiting)


def _train(aws: Aws, data: Path | None) -> None:
    from scripts.data.source import resolve
    from scripts.data.upload import check
    from scripts.operate.reports import save_report
    from scripts.terminal.progress import follow_to_success

    file: DataFile = resolve(data)
    notes = check(file)
    show(f"[bold]Data[/]       {file.description}")
    for note in notes:
        show_warning(note)
    arn = _start(aws, file)
    show(f"[bold]Execution[/]  {arn.rpartition('/')[2]}")
    show(f"[bold]Report[/]     {save_report(aws, follow_to_success(aws, arn))}")


def _start(aws: Aws, file: DataFile) -> str:
    """Start one execution on the file, also with RetrainOn=new-data; return its ARN."""
    from scripts.data.upload import exists, upload, upload_uri
    from scripts.operate.executions import start_execution

    uri = upload_uri(aws, file)
    token = None
    # After an earlier upload, the token would return its execution, which has failed or was interrupted.
    if not exists(aws, uri):
        upload(aws, file)
        token = file.sha256  # of the execution that watch_model starts on an upload
    arn, _ = start_execution(aws, {"InputDataUri": uri}, token=token)
    return arn


def _console(aws: Aws) -> AbstractContextManager[str]:
    """Return the running console, on its usual port if that is free."""
    from scripts.console.server import is_free, serving
    from scripts.console.site import Commands

    settings = Settings(local=True)
    port = CONSOLE_PORT if is_free(CONSOLE_PORT) else 0
    return serving(aws, port, Commands(settings.command, settings.complete), read_only=False)


def _show_service(champion: str | None, client: ApiClient, console_url: str, seconds: float) -> None:
    show(f"[bold]Champion[/]   {f'version {champion}' if champion else 'none yet'}")
    show(f"[bold]API[/]        URL={client.url}", wrap=False)
    show(f"[bold]API key[/]    {f'KEY={client.key}' if client.key else 'none: the API is open'}", wrap=False)
    show(f"[bold]Console[/]    {console_url}  (works once)", wrap=False)
    show(f"Ready in {seconds:.1f} s. `bankruptcy test --local` checks it.\n")
