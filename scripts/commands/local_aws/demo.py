"""`bankruptcy demo`: the whole workflow on this machine, from the data to a prediction over HTTP."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.aws.session import LOCAL_REGION, Aws, connect, local_environment, use_local_aws
from scripts.terminal.console import console, show, show_warning
from scripts.terminal.interrupts import wait_for_interruption
from scripts.terminal.options import DataOption
from scripts.terminal.results import show_result, with_json
from scripts.text import counted

if TYPE_CHECKING:
    from scripts.data.data_file import DataFile

PROJECT = "bankruptcy-demo"
# How long the demo waits for its prediction to reach the log.
LOG_SECONDS = 3.0


@with_json
def demo(
    data: DataOption = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep local AWS running until Ctrl-C.")] = False,
) -> None:
    """Run the whole workflow on this machine: pipeline, gate, approval, deployment, prediction."""
    from local_aws.server import LocalAws
    from scripts.data.source import resolve
    from scripts.data.upload import check

    file = resolve(data)
    notes = check(file)
    show(f"[bold]Data[/]       {file.description}")
    for note in notes:
        show_warning(note)
    began = time.monotonic()
    try:
        with LocalAws(region=LOCAL_REGION) as server:
            use_local_aws(server.url, LOCAL_REGION)
            aws = connect(PROJECT)
            show(f"[bold]Local AWS[/]  {server.url}, started in {time.monotonic() - began:.1f} s")
            _run(aws, file)
            if keep:
                _show_settings(server.url)
                wait_for_interruption()
            else:
                _show_next_steps()
    except KeyboardInterrupt:
        show("\nLocal AWS has stopped.")  # the first line end ends an unfinished table
        raise
    if keep:
        show("Local AWS has stopped.")


def _described(file: DataFile) -> str:
    # Sample data is named beside every figure.
    return f"{'sample data: ' if file.is_sample else ''}a company that went bankrupt"


def _show_next_steps() -> None:
    show("\nNext  open the report in a browser; docs/api.md explains the answer.")
    show("      `bankruptcy up` keeps such a service between starts.")


def _show_settings(url: str) -> None:
    settings = {**local_environment(url), "BANKRUPTCY_PROJECT": PROJECT}
    exports = " ".join(f"{name}={value}" for name, value in settings.items())
    show("\nLocal AWS keeps running until Ctrl-C. To use it in another terminal:")
    show(f"  export {exports}", wrap=False)


def _run(aws: Aws, file: DataFile) -> None:
    from scripts.data.upload import upload
    from scripts.deploy.deployment import deploy
    from scripts.deploy.waiting import Waiting
    from scripts.model.approval import find_version, set_approval, wait_until_served
    from scripts.operate.executions import start_execution
    from scripts.operate.reports import save_report
    from scripts.predict.client import client_of
    from scripts.terminal.progress import follow_to_success

    began = time.monotonic()
    with console().status("Deploying infra/storage.yaml and infra/service.yaml …"):
        # The prediction is in the log as soon as possible, so that monitoring sees it.
        deploy(aws, confirm=lambda _: True, parameters={"PredictionLogSeconds": "0"})
    show(f"[bold]Deployed[/]   both templates, in {time.monotonic() - began:.1f} s\n")

    uri = upload(aws, file)
    began = time.monotonic()
    arn, _ = start_execution(aws, {"InputDataUri": uri})
    show(f"[bold]Execution[/]  {arn.rpartition('/')[2]}")
    execution = follow_to_success(aws, arn)
    report = save_report(aws, execution)
    show(f"[bold]Report[/]     {report}")

    package = find_version(aws, None)
    version = package["ModelPackageVersion"]
    show(f"\n[bold]Registry[/]   version {version} is {package['ModelApprovalStatus']}; approving it …")
    set_approval(aws, package, "Approved", "Approved by the demo")
    waiting = Waiting(lambda status: show(f"[bold]Endpoint[/]   {status}"), timeout=120)
    wait_until_served(aws, version, waiting)

    client = client_of(aws)
    company = file.first_company(bankrupt=True).ratios
    names = [feature["name"] for feature in client.get("/model")["features"]]
    answer = client.predict({"data": [company[name] for name in names]})
    seconds = time.monotonic() - began

    with console().status("Monitoring the prediction …"):
        monitored = _monitor(aws)

    def show_answer() -> None:
        show(f"\n[bold]POST[/] {client.url}/predict  ({_described(file)}; {len(names)} numbers)")
        console().print_json(json.dumps(answer))
        show(f"\nFrom the start of the execution to this answer: [bold]{seconds:.1f} s[/]")
        show(f"[bold]Monitoring[/] {_seen(monitored)}")

    document = {
        "is_sample": file.is_sample,
        "execution": execution.id,
        "report": report,
        "version": version,
        "answer": answer,
        "seconds": round(seconds, 1),
        "monitoring": monitored,
    }
    show_result(document, show_answer)


def _monitor(aws: Aws) -> dict[str, Any] | None:
    """Monitor the demo's prediction; return None if it is not in the log."""
    from scripts.aws.files import list_objects
    from scripts.operate.monitoring import run_at_once

    end = time.monotonic() + LOG_SECONDS
    while not (is_logged := any(list_objects(aws, "predictions/"))) and time.monotonic() < end:
        time.sleep(0.1)
    found = run_at_once(aws) if is_logged else None
    if found is None:
        return None
    run, result = found
    return {
        "run": run,
        "predictions": result["predictions"],
        "alarms": sum(map(len, result["alarms"].values())),
    }


def _seen(monitored: dict[str, Any] | None) -> str:
    """Return the result of monitoring as text."""
    if monitored is None:
        return f"the prediction did not reach the log within {LOG_SECONDS:g} s; a busy machine can lose some"
    count = counted(monitored["predictions"], "prediction")
    alarms = counted(monitored["alarms"], "alarm") if monitored["alarms"] else "no alarm"
    return f"{count}, {alarms}; drift needs at least 100 companies"
