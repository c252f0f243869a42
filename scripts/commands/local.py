"""`bankruptcy local`: AWS on this machine."""

from typing import Annotated

import typer

from scripts.aws.session import LOCAL_PORT, LOCAL_REGION, ConnectionFailedError, local_environment
from scripts.errors import UsageError
from scripts.terminal.console import show
from scripts.terminal.interrupts import wait_for_interruption

app = typer.Typer(name="local", no_args_is_help=True)


@app.callback()
def local() -> None:
    """Run AWS on this machine, in memory."""


@app.command()
def start(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = LOCAL_PORT,
    region: Annotated[str, typer.Option("--region", help="AWS region to run in.")] = LOCAL_REGION,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Reject calls without the permissions that AWS requires.")
    ] = False,
) -> None:
    """Run local AWS until Ctrl-C; its contents are lost afterwards."""
    import boto3

    from local_aws.server import LocalAws, PortInUseError

    known = boto3.Session().get_available_regions("sagemaker")
    if region not in known:
        raise UsageError(f"SageMaker has no region {region!r}. It has: {', '.join(known)}.")
    server = LocalAws(port=port, region=region, enforce_iam=enforce_iam)
    try:
        server.start()
    except PortInUseError as error:
        raise ConnectionFailedError(
            str(error),
            "If local AWS already runs in another terminal, use that one or stop it with Ctrl-C. "
            "`bankruptcy local start --port N` uses another port.",
        ) from error
    try:
        _show_settings(server.url, region, is_default=(port, region) == (LOCAL_PORT, LOCAL_REGION))
        if enforce_iam:
            show(
                "\nPermissions are enforced. The credentials above are those of the root user, who has all "
                "permissions; use them to create users and roles."
            )
        wait_for_interruption()
    finally:
        server.stop()
        show("\nLocal AWS has stopped.")


def _show_settings(url: str, region: str, *, is_default: bool) -> None:
    show(f"[bold green]Local AWS[/] runs at [bold]{url}[/] (in memory; Ctrl-C stops it)\n")
    show("To use it in another terminal, with [bold]bankruptcy[/] or any AWS client:\n")
    for name, value in local_environment(url, region).items():
        show(f"  export {name}={value}", wrap=False)
    # Without the variables, --local means the default port and region.
    if is_default:
        show("\nor, for bankruptcy alone, pass [bold]--local[/] to each command.")
    option = " --local" if is_default else ""
    steps = (f"`bankruptcy {words}{option}`" for words in ("deploy", "data upload", "pipeline start --wait"))
    show(f"\nFor example: {', then '.join(steps)}")
