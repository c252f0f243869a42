"""`bankruptcy status`, `pause`, `resume` and `test`: the deployed service from day to day."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.aws.session import DEFAULT_PROJECT, LocalOption, ProjectOption, RegionOption, command, connect
from scripts.terminal.console import console, fail

if TYPE_CHECKING:
    from rich.table import Table

    from scripts.operate.api_checks import Check
    from scripts.operate.prices import Estimate
    from scripts.operate.status import EndpointState, Status

JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait at most.")]


def status(
    as_json: JsonOption = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Show pipeline, models, endpoint, alarms and what it costs."""
    from scripts.aws.stacks import DeploymentError
    from scripts.operate.status import read_status

    aws = connect(project, local=local, region=region)
    try:
        found = read_status(aws.session, aws.project)
    except DeploymentError as error:
        fail(str(error))
    if as_json:
        print(found.as_json())  # noqa: T201 - machine-readable
        return
    console().print(status_table(found))


def pause(
    timeout: TimeoutOption = 1800,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Take the endpoint down, and with it its cost; the API answers 503 until `resume`."""
    from scripts.aws.stacks import DeploymentError
    from scripts.operate.pausing import OperationError
    from scripts.operate.pausing import pause as take_down

    aws = connect(project, local=local, region=region)
    try:
        was_there = take_down(aws.session, aws.project, on_change=_show_state, timeout=timeout)
    except (DeploymentError, OperationError) as error:
        fail(str(error))
    what = "its endpoint is deleted" if was_there else "there was no endpoint"
    console().print(
        f"[bold]{project}[/] is paused; {what}. `{command('resume')}` brings it back.", soft_wrap=True
    )


def resume(
    timeout: TimeoutOption = 1800,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Bring the newest approved version back and wait until it serves."""
    from scripts.aws.stacks import DeploymentError
    from scripts.operate.pausing import OperationError
    from scripts.operate.pausing import resume as bring_back

    aws = connect(project, local=local, region=region)
    try:
        version = bring_back(aws.session, aws.project, on_change=_show_state, timeout=timeout)
    except (DeploymentError, OperationError) as error:
        fail(str(error))
    if version is None:
        console().print(
            f"[bold]{project}[/] is not paused. No version is approved yet; the first approval is deployed."
        )
        return
    console().print(f"[bold]{project}[/] serves version {version}.")


def try_out(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="A data file to take companies from; default: the fetched one, if there is."
        ),
    ] = None,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Try the API out as a client would: good requests and bad ones; ends with 1 if any check fails."""
    from scripts.aws.stacks import DeploymentError
    from scripts.data.source import DataError
    from scripts.operate.api_checks import check_api, describe_api

    aws = connect(project, local=local, region=region)
    source = data or _fetched()
    try:
        api = describe_api(aws)
        companies = _companies(source) if source else {}
    except (DataError, DeploymentError) as error:
        fail(str(error))
    console().print(f"{api.url}{'  (paused)' if api.paused else ''}", soft_wrap=True)
    checks = check_api(api, companies)
    console().print(checks_table(checks))
    failed = [check.name for check in checks if not check.passed]
    if failed:
        fail(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}.")
    console().print(f"All {len(checks)} checks passed.")


def status_table(found: Status) -> Table:
    """Return one row a fact."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    execution = found.execution
    ran = (
        f"{execution.id}  {execution.status}  {execution.start:%Y-%m-%d %H:%M:%S}"
        if execution
        else "none yet"
    )
    versions = [
        f"{p.version}  {p.approval}  {p.created:%Y-%m-%d %H:%M:%S}"
        + (f"  [red]{escape(p.failure)}[/]" if p.failure else "")
        for p in found.packages
    ]
    alarms = f"[red]{', '.join(found.alarms)}[/]" if found.alarms else "none in ALARM"
    dead = f"[red]{found.dead_letters}[/]" if found.dead_letters else "0"
    for label, text in (
        ("project", f"{found.project}, account {found.account}, {found.region}"),
        ("pipeline", found.pipeline),
        ("last execution", ran),
        ("newest versions", "\n".join(versions) or "none yet"),
        ("endpoint", _endpoint_text(found.endpoint)),
        ("API's model", _model_text(found)),
        ("paused", f"[yellow]yes; `{command('resume')}` brings it back[/]" if found.paused else "no"),
        ("API", found.api_url),
        ("alarms", alarms),
        ("dead letters", dead),
        ("cost (estimate)", _cost_text(found.cost)),
    ):
        table.add_row(label, text)
    return table


def checks_table(checks: list[Check]) -> Table:
    """Return one row a check."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "expected", "got"):
        table.add_column(heading)
    table.add_column("ms", justify="right")
    table.add_column("answer", overflow="fold")
    for check in checks:
        table.add_row(
            "[green]pass[/]" if check.passed else "[red]FAIL[/]",
            check.name,
            check.expected,
            str(check.status or "-"),
            f"{check.latency_ms:.0f}",
            escape(check.remark),
        )
    return table


def _model_text(found: Status) -> str:
    if found.champion_version is None:
        return "none yet"
    served = "" if found.endpoint.serves else "  [yellow]nothing serves it: /predict answers 503[/]"
    return f"version {found.champion_version}{served}"


def _endpoint_text(endpoint: EndpointState) -> str:
    if endpoint.status is None:
        return "none"
    how = (
        f"serverless, {endpoint.memory_mb} MB, up to {endpoint.max_concurrency} at once"
        if endpoint.mode == "serverless"
        else f"{endpoint.instance_count} × {endpoint.instance_type}"
    )
    reason = f"\n{endpoint.failure_reason}" if endpoint.failure_reason else ""
    return f"{endpoint.status}, version {endpoint.version}, {how}{reason}"


def _cost_text(cost: Estimate) -> str:
    figures = (
        ""
        if cost.usd_per_hour is None or cost.usd_per_month is None
        else f"${cost.usd_per_hour:.3f} an hour, ${cost.usd_per_month:.2f} a month: "
    )
    return f"{figures}{cost.basis}\n[dim]{cost.source}\nnot counted: {cost.not_counted}[/]"


def _show_state(state: str) -> None:
    console().print(f"endpoint: {state}")


def _companies(path: Path) -> dict[str, dict[str, float]]:
    """Return the first healthy company of a data file and the first that went bankrupt."""
    from scripts.data.source import DataError, first_bankrupt_company, read_company, read_csv_file
    from steps.dataset.columns import TARGET

    lines = csv.DictReader(io.StringIO(read_csv_file(path).content.decode("utf-8-sig")))
    healthy = (row for row, line in enumerate(lines) if line.get(TARGET, "").strip() in {"0", "0.0"})
    row = next(healthy, None)
    if row is None:
        raise DataError(f"{path} holds no healthy company: no row has 0 in the column {TARGET!r}.")
    return {"healthy company": read_company(path, row), "bankrupt company": first_bankrupt_company(path)}


def _fetched() -> Path | None:
    """Return the UCI file if it was fetched before; a test is no reason to download it."""
    from scripts.data.source import UCI_FILE_NAME, cache_folder

    path = cache_folder() / UCI_FILE_NAME
    return path if path.is_file() else None
