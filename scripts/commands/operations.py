"""`bankruptcy status`, `pause`, `resume`, `rollback` and `test`: operation of the deployed service."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.terminal.console import ask, console, show, show_endpoint, show_facts
from scripts.terminal.options import KeyOption, Settings, UrlOption, with_settings
from scripts.terminal.results import show_result, with_json

TimeoutOption = Annotated[float, typer.Option("--timeout", min=1, help="Maximum number of seconds to wait.")]


@with_settings
@with_json
def status(settings: Settings) -> None:
    """Show executions, versions, endpoint, alarms and cost."""
    from scripts.operate.status import read_status
    from scripts.terminal.documents import status_document
    from scripts.terminal.tables import status_facts

    found = read_status(settings.connect())
    resume = settings.command("resume")
    show_result(status_document(found), lambda: show_facts(status_facts(found, resume)))


@with_settings
@with_json
def pause(settings: Settings, timeout: TimeoutOption = 1800) -> None:
    """Delete the endpoint to save its cost; the API answers 503 until `resume`."""
    from scripts.deploy.waiting import Waiting
    from scripts.operate.pausing import pause as pause_service

    existed = pause_service(settings.connect(), Waiting(show_endpoint, timeout))
    effect = "its endpoint is deleted" if existed else "it had no endpoint"
    text = f"[bold]{settings.project}[/] is paused; {effect}. `{settings.command('resume')}` resumes it."
    show_result({"paused": True, "endpoint_deleted": existed}, lambda: show(text))


@with_settings
@with_json
def resume(settings: Settings, timeout: TimeoutOption = 1800) -> None:
    """Deploy the newest approved version again and wait until it is in service."""
    from scripts.deploy.waiting import Waiting
    from scripts.operate.pausing import resume as resume_service
    from scripts.terminal.documents import as_version

    version = resume_service(settings.connect(), Waiting(show_endpoint, timeout))
    state = (
        "is not paused. No version is approved yet; the first one that is approved will be deployed."
        if version is None
        else f"has version {version} in service."
    )
    show_result(
        {"paused": False, "version": as_version(version)},
        lambda: show(f"[bold]{settings.project}[/] {state}"),
    )


@with_settings
@with_json
def rollback(
    settings: Settings,
    note: Annotated[str, typer.Option("--note", help="Reason, stored in the registry.")] = "",
    timeout: TimeoutOption = 1800,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Reject the newest version, and wait until the previous approved one is in service.

    If the newest version is still being deployed, its update is rolled back.
    """
    from scripts.deploy.waiting import Waiting
    from scripts.operate.rollback import NOTE, plan_rollback, roll_back

    aws = settings.connect()
    plan = plan_rollback(aws)
    if plan.aborts:
        show(f"Version {plan.rejected} is being deployed. It will be rejected and its update rolled back.")
    else:
        show(f"Version {plan.rejected} will be rejected, and version {plan.version} will replace it.")
    if not yes and not ask("Roll back?"):
        raise typer.Abort
    roll_back(aws, plan, note or NOTE, Waiting(show_endpoint, timeout))
    text = f"Version {plan.version} is in service on the endpoint [bold]{aws.project.endpoint}[/]."
    show_result({"rejected": plan.rejected, "version": plan.version}, lambda: show(text))


@with_settings
@with_json
def check(
    settings: Settings,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Data file with companies to send. Default: the downloaded UCI file."),
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Send valid and invalid requests to the API; fail if any answer is wrong."""
    from scripts.data.data_file import read_data_file
    from scripts.data.source import fetched
    from scripts.errors import ScriptError
    from scripts.operate.api_checks import api_of_client, check_api, describe_api
    from scripts.terminal.tables import checks_table

    api = describe_api(settings.connect()) if url is None else api_of_client(url, key)
    companies = {}
    if path := data or fetched():
        file = read_data_file(path)
        companies = {
            "healthy company": file.first_company(bankrupt=False).ratios,
            "bankrupt company": file.first_company(bankrupt=True).ratios,
        }
    show(f"{api.url}{'  (paused)' if api.paused else ''}")
    checks = check_api(api, companies)
    failed = [each.name for each in checks if not each.passed]
    document = {"url": api.url, "paused": api.paused, "passed": not failed, "checks": checks}
    show_result(document, lambda: console().print(checks_table(checks)))
    if failed:
        raise ScriptError(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}.")
    show(f"All {len(checks)} checks passed.")
