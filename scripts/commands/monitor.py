"""`bankruptcy monitor`: starts runs of monitoring, shows their results, and accepts windows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.errors import UsageError
from scripts.terminal.browser import open_page
from scripts.terminal.console import ask, plain, show
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.output_file import check_folder
from scripts.terminal.results import show_result, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.operate.monitoring import Acceptance

app = typer.Typer(name="monitor", no_args_is_help=True)


@app.callback()
@with_settings
def monitor(_settings: Settings) -> None:
    """Monitor the predictions: start a run, show its result, accept its predictions as normal."""


@app.command("run")
@with_settings
@with_json
def run_(
    settings: Settings,
    start: Annotated[
        str | None,
        typer.Option(
            help="Start of a period in ISO 8601, UTC without a time zone, such as 2026-11-01. Default: the "
            "predictions since the last scheduled run."
        ),
    ] = None,
    end: Annotated[str | None, typer.Option(help="End of the period, exclusive.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, and show it.")] = False,
) -> None:
    """Start monitoring now, on the predictions since the last run or on those of a period."""
    from scripts.operate.monitoring import acceptances, read_result, start_monitoring

    window = _window(start, end)
    aws = settings.connect()
    started = start_monitoring(aws, window)
    document: dict[str, Any] = {
        "execution": None,
        "run": started.run,
        "silent": started.silent,
        "result": None,
    }
    if started.arn is None or started.run is None:
        show_result(document, lambda: show(_nothing(silent=started.silent, window=window)))
        return
    run = started.run
    document["execution"] = started.arn.rpartition("/")[2]
    if not wait:
        command = settings.command(f"monitor show {run}")
        show_result(
            document,
            lambda: show(f"Started run [bold]{run}[/]; `{command}` shows its result in some minutes."),
        )
        return
    from scripts.terminal.progress import follow_to_success

    show(f"Started run [bold]{run}[/].")
    follow_to_success(aws, started.arn)
    result, accepted = read_result(aws, run), acceptances(aws)
    document["result"] = _document(run, result, accepted, None)
    show_result(document, lambda: _show(run, result, accepted))


@app.command("show")
@with_settings
@with_json
def show_(
    settings: Settings,
    run: Annotated[str | None, typer.Argument(help="Run. Default: the one that finished last.")] = None,
    page: Annotated[Path | None, typer.Option(help="HTML file to write.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser; --json never does.")
    ] = False,
) -> None:
    """Show the result of a run: alarms, versions, drifting columns, quality and outcomes."""
    from scripts.operate.monitoring import acceptances, find_run, read_result, save_monitoring_page

    if page is not None:
        check_folder(page)
    aws = settings.connect()
    found = find_run(aws, run)
    result, accepted = read_result(aws, found), acceptances(aws)
    path = save_monitoring_page(aws, found, page) if page is not None or open_ else None
    show_result(_document(found, result, accepted, path), lambda: _show(found, result, accepted))
    if path is not None:
        show(f"Page: {plain(str(path))}", wrap=False)
    if open_ and path is not None:
        open_page(path.resolve().as_uri())


@app.command()
@with_settings
@with_json
def accept(
    settings: Settings,
    run: Annotated[str, typer.Argument(help="Run, as `bankruptcy monitor show` names it.")],
    version: Annotated[int, typer.Argument(help="Version whose predictions are normal.")],
    note: Annotated[str, typer.Option(help="Why they are normal; stored with your name.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Compare with training again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Accept the predictions of a run as normal: later runs compare with them instead of training."""
    from scripts.operate.monitoring import accept as accept_run
    from scripts.operate.monitoring import check_acceptable, find_run, read_result, withdraw

    if not undo and not note.strip():
        raise UsageError("The reason is missing.", 'Give it with --note, such as --note "new industry".')
    aws = settings.connect()
    document = {"run": run, "version": version, "accepted": not undo}
    if undo:
        withdraw(aws, run, str(version))
        text = f"Run {run} is no longer accepted for version {version}; later runs compare it with training."
    else:
        result = read_result(aws, find_run(aws, run))
        check_acceptable(result, run, str(version))
        _ask_to_accept(result, version, yes=yes)
        accept_run(aws, run, str(version), note.strip())
        text = f"Later runs compare version {version} with the predictions of run {run}."
    show_result(document, lambda: show(plain(text)))


def _ask_to_accept(result: dict[str, Any], version: int, *, yes: bool) -> None:
    """Show what is about to become normal, and ask."""
    facts = result["versions"][str(version)]
    drifting = [column["name"] for column in facts["drift"] or [] if column["reason"]]
    show(
        f"Version {version} has {facts['predictions']:,} predictions of {facts['companies']:,} companies in "
        f"this run. Drifting columns: {plain(', '.join(drifting)) or 'none'}."
    )
    if not yes and not ask("Accept them as normal? Later runs will not report this drift again."):
        raise typer.Abort


def _window(start: str | None, end: str | None) -> tuple[datetime, datetime] | None:
    """Return the period that the options name; None without them."""
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UsageError("A period needs --start and --end.", "Give both, or neither.")
    first, last = _moment("--start", start), _moment("--end", end)
    if first >= last:
        raise UsageError(f"--start {start} is not before --end {end}.", "Exchange them.")
    return first, last


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} is {text!r}; it must be a date or a time in ISO 8601.",
            f"Write, for example, `{option} 2026-11-01` or `{option} 2026-11-01T06:00:00Z`.",
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _nothing(*, silent: bool, window: tuple[datetime, datetime] | None) -> str:
    if window is not None:
        return "The log has no predictions around this period, so nothing was started."
    from scripts.operate.monitoring import NOTHING_NEW

    if silent:
        hint = "If none was sent: the service is not paused, so clients should be sending some."
        return f"{NOTHING_NEW} [yellow]{hint}[/]"
    return NOTHING_NEW


def _document(
    run: str, result: dict[str, Any], accepted: Sequence[Acceptance], page: Path | None
) -> dict[str, Any]:
    """Return a run's result for programs: monitoring.json without the earlier runs."""
    rest = {name: value for name, value in result.items() if name != "history"}
    return {"run": run, **rest, "accepted": accepted, "page": page}


def _show(run: str, result: dict[str, Any], accepted: Sequence[Acceptance]) -> None:
    from scripts.terminal.monitoring import show_monitoring

    show_monitoring(run, result, accepted)
