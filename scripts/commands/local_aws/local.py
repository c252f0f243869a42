"""`bankruptcy local`: AWS on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.aws.session import LOCAL_PORT, LOCAL_REGION, ConnectionFailedError, local_environment
from scripts.errors import ScriptError, UsageError
from scripts.terminal.console import ask, console, plain, show, show_warning
from scripts.terminal.interrupts import wait_for_interruption
from scripts.terminal.results import show_result, with_json

if TYPE_CHECKING:
    from local_aws.server import LocalAws


class StateUnusableError(ScriptError):
    """The folder of a state cannot be used."""

    code = "state_unusable"


EXAMPLES = ("deploy", "data upload", "pipeline start --wait")

app = typer.Typer(name="local", no_args_is_help=True)


@app.callback()
def local() -> None:
    """Run AWS on this machine."""


@app.command()
@with_json
def start(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = LOCAL_PORT,
    region: Annotated[str, typer.Option("--region", help="AWS region to run in.")] = LOCAL_REGION,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder that keeps everything until the next start; private to you."),
    ] = None,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Reject calls without the permissions that AWS requires.")
    ] = False,
) -> None:
    """Run local AWS until Ctrl-C; without --state, its contents are lost afterwards."""
    import boto3

    known = boto3.Session().get_available_regions("sagemaker")
    if region not in known:
        raise UsageError(f"SageMaker has no region {region!r}. It has: {', '.join(known)}.")
    with running(port, region, state, enforce_iam=enforce_iam) as server:
        is_default = (port, region) == (LOCAL_PORT, LOCAL_REGION)
        show_result(
            settings_document(server.url, region, state),
            lambda: show_settings(server.url, region, state, EXAMPLES, is_default=is_default),
        )
        if enforce_iam:
            show(
                "\nPermissions are enforced. The credentials above are those of the root user, who has all "
                "permissions; use them to create users and roles."
            )
        wait_for_interruption()


@contextmanager
def running(port: int, region: str, state: Path | None, *, enforce_iam: bool = False) -> Iterator[LocalAws]:
    """Run local AWS while the block runs.

    Raises
    ------
    ConnectionFailedError
        If the port is in use.
    StateUnusableError
        If the state is in use, or of another version.
    """
    from local_aws.server import LocalAws, PortInUseError
    from local_aws.state.errors import StateError

    server = LocalAws(port=port, region=region, state=state, enforce_iam=enforce_iam)
    try:
        server.start()
    except PortInUseError as error:
        raise ConnectionFailedError(
            str(error),
            "If local AWS already runs in another terminal, use that one or stop it with Ctrl-C. "
            "The option --port N uses another port.",
        ) from error
    except StateError as error:
        raise StateUnusableError(str(error), error.hint) from error
    try:
        if server.damaged_state is not None:
            show_warning(
                f"The state was damaged. It was moved to {server.damaged_state}, and local AWS starts empty."
            )
        yield server
    finally:
        server.stop()
        show("\nLocal AWS has stopped.")


@app.command()
@with_json
def outbox(
    number: Annotated[int | None, typer.Argument(min=1, help="Message to read. Default: list all.")] = None,
) -> None:
    """Show the messages that AWS would have sent to people, such as notices and alarms; newest last."""
    from scripts.aws.outbox import read_outbox
    from scripts.terminal.tables import outbox_table

    messages = read_outbox()
    if number is not None:
        if number > len(messages):
            raise UsageError(
                f"There is no message {number}; the outbox has {len(messages)}.",
                "`bankruptcy local outbox` lists them.",
            )
        messages = messages[number - 1 : number]

    def show_messages() -> None:
        if number is not None:
            show(plain(f"{messages[0]['subject']}\n\n{messages[0]['text']}"), wrap=False)
        elif messages:
            console().print(outbox_table(messages))
            show("\n`bankruptcy local outbox NUMBER` shows a message.")
        else:
            show("The outbox is empty. Messages come when a version waits or an alarm starts, for example.")

    show_result({"messages": messages}, show_messages)


@app.command()
@with_json
def reset(
    state: Annotated[Path, typer.Option("--state", help="Folder of the state.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a state with all that it holds; no local AWS may use it."""
    from local_aws.state import state as states
    from local_aws.state.errors import StateError

    if not state.is_dir():
        raise UsageError(
            f"The folder {state} does not exist.",
            "Name the folder that `local start --state` has used.",
        )
    if not yes and not ask(f"Delete everything in {state}?"):
        raise typer.Abort
    try:
        states.reset(state)
    except StateError as error:
        raise StateUnusableError(str(error), error.hint) from error
    show_result({"state": state}, lambda: show(f"The state in {state} is empty."))


def settings_document(url: str, region: str, state: Path | None) -> dict[str, Any]:
    """Return the address of local AWS, and the environment variables with which AWS clients use it."""
    return {"url": url, "region": region, "state": state, "environment": local_environment(url, region)}


def show_settings(
    url: str, region: str, state: Path | None, examples: Sequence[str], *, is_default: bool
) -> None:
    """Show the address, and how to use it in another terminal; `examples` are commands to begin with."""
    kept = f"in {state}" if state else "in memory"
    show(f"[bold green]Local AWS[/] runs at [bold]{url}[/] ({kept}; Ctrl-C stops it)\n")
    show("To use it in another terminal, with [bold]bankruptcy[/] or any AWS client:\n")
    for name, value in local_environment(url, region).items():
        show(f"  export {name}={value}", wrap=False)
    # Without the variables, --local means the default port and region.
    if is_default:
        show("\nor, for bankruptcy alone, pass [bold]--local[/] to each command.")
    option = " --local" if is_default else ""
    steps = (f"`bankruptcy {words}{option}`" for words in examples)
    show(f"\nFor example: {', then '.join(steps)}")
