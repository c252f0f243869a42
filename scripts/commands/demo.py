"""`bankruptcy demo`: the whole workflow on this machine, from data to an answer over HTTP."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.aws.session import LOCAL_CREDENTIALS, LOCAL_REGION, Aws, connect, use_local_aws
from scripts.commands.data import DataOption
from scripts.terminal.console import console, fail

if TYPE_CHECKING:
    from scripts.data.source import DataSource

PROJECT = "bankruptcy-demo"


def demo(
    data: DataOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave local AWS running at the end, until Ctrl-C.")
    ] = False,
) -> None:
    """Run everything here, without AWS: pipeline, gate, approval, deployment, a prediction over HTTP."""
    from local_aws.server import LocalAws
    from scripts.data.source import DataError, resolve
    from scripts.data.upload import check

    out = console()
    try:
        source = resolve(data)
        check(source.path)
    except DataError as error:
        fail(str(error))
    out.print(f"[bold]Data[/]       {source.description}", soft_wrap=True)
    began = time.monotonic()
    try:
        with LocalAws(region=LOCAL_REGION) as server:
            use_local_aws(server.url, LOCAL_REGION)
            aws = connect(PROJECT)
            out.print(f"[bold]Local AWS[/]  {server.url}, up in {time.monotonic() - began:.1f} s")
            _run(aws, source)
            if keep:
                _tell_how_to_use(server.url)
                _wait_for_interrupt()
    except KeyboardInterrupt:
        out.print("\nLocal AWS has ended.")  # off a terminal the table's last line is open
        raise
    if keep:
        out.print("Local AWS has ended.")


def _tell_how_to_use(url: str) -> None:
    settings = {
        "AWS_ENDPOINT_URL": url,
        **LOCAL_CREDENTIALS,
        "AWS_DEFAULT_REGION": LOCAL_REGION,
        "BANKRUPTCY_PROJECT": PROJECT,
    }
    exports = " ".join(f"{name}={value}" for name, value in settings.items())
    console().print("\nStill running, until Ctrl-C. In another terminal, to use it:")
    console().print(f"  export {exports}", soft_wrap=True)


def _run(aws: Aws, source: DataSource) -> None:
    from pipeline.service import start
    from scripts.commands.model import find, set_approval, wait_until_served
    from scripts.commands.pipeline import follow
    from scripts.commands.report import save
    from scripts.data.upload import upload
    from scripts.deploy.deployment import deploy
    from scripts.predict.client import client_of

    out = console()
    deployed = time.monotonic()
    with out.status("Deploying infra/storage.yaml and infra/service.yaml …"):
        deploy(aws.session, aws.project, confirm=lambda _: True)
    out.print(f"[bold]Deployed[/]   both templates, in {time.monotonic() - deployed:.1f} s\n")

    uri = upload(aws.client("s3"), aws.project.bucket, source.path)
    began = time.monotonic()
    arn = start(aws.client("sagemaker"), aws.project, {"InputDataUri": uri})
    out.print(f"[bold]Execution[/]  {arn.rpartition('/')[2]}")
    execution = follow(aws, arn)
    out.print(f"[bold]Report[/]     {save(aws, execution)}", soft_wrap=True)

    package = find(aws, None)
    version = package["ModelPackageVersion"]
    out.print(f"\n[bold]Registry[/]   version {version} is {package['ModelApprovalStatus']}; approving it …")
    set_approval(aws, package, "Approved", "Approved by the demo")
    wait_until_served(
        aws, version, timeout=120, on_change=lambda state: out.print(f"[bold]Endpoint[/]   {state}")
    )

    client = client_of(aws)
    company = _first_bankrupt(source)
    names = [feature["name"] for feature in client.get("/model")["features"]]
    answer = client.predict({"data": [company[name] for name in names]})
    seconds = time.monotonic() - began
    out.print(f"\n[bold]POST[/] {client.url}/predict  (a company that went bankrupt; {len(names)} numbers)")
    out.print_json(json.dumps(answer))
    out.print(f"\nFrom the start of the execution to this answer: [bold]{seconds:.1f} s[/]")


def _first_bankrupt(source: DataSource) -> dict[str, Any]:
    from scripts.data.source import first_bankrupt_company

    return first_bankrupt_company(source.path)


def _wait_for_interrupt() -> None:
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
