"""`bankruptcy local`: AWS on this machine."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from scripts.aws.session import LOCAL_CREDENTIALS, LOCAL_PORT, LOCAL_REGION
from scripts.terminal.console import console, fail

app = typer.Typer(help="AWS on this machine, in memory.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """AWS on this machine, in memory."""


@app.command()
def start(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = LOCAL_PORT,
) -> None:
    """Serve local AWS until Ctrl-C; what it holds is gone afterwards."""
    from local_aws.server import LocalAws, PortInUseError

    server = LocalAws(port=port, region=LOCAL_REGION)
    try:
        server.start()
    except PortInUseError as error:
        fail(str(error))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    out = console()
    out.print(f"[bold green]Local AWS[/] answers at [bold]{server.url}[/] (in memory; Ctrl-C ends it)\n")
    out.print("In another terminal, any AWS client and [bold]bankruptcy[/] use it after\n")
    settings = {"AWS_ENDPOINT_URL": server.url, **LOCAL_CREDENTIALS, "AWS_DEFAULT_REGION": LOCAL_REGION}
    for name, value in settings.items():
        out.print(f"  export {name}={value}")
    # --local knows one port only.
    if port == LOCAL_PORT:
        out.print("\nor, for bankruptcy alone, pass [bold]--local[/] to each command.")
    option = " --local" if port == LOCAL_PORT else ""
    steps = (f"bankruptcy {words}{option}" for words in ("deploy", "data upload", "pipeline start --wait"))
    out.print(f"\nFor example: [bold]{', then '.join(steps)}[/]", soft_wrap=True)
    try:
        stopped.wait()
    finally:
        server.stop()
        out.print("\nLocal AWS has ended.")
