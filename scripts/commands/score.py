"""`bankruptcy score`: score a whole portfolio by batch transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scripts.terminal.console import console, show, show_ignored_columns, show_warning
from scripts.terminal.options import IdOption, Settings, with_settings
from scripts.terminal.results import show_result, with_json
from scripts.text import counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from scripts.score.scoring import OnProgress, Summary

_STAGES = {"prepare": "preparing", "transform": "scoring", "collect": "collecting", "log": "logging"}


@with_settings
@with_json
def score(
    settings: Settings,
    source: Annotated[
        str,
        typer.Argument(
            help="Portfolio: .csv with a header or .jsonl (also .gz, .xz, .zip), a path or S3 URI."
        ),
    ],
    target: Annotated[str, typer.Argument(help="Result: .csv or .jsonl, a path or S3 URI.")],
    keep: IdOption = None,
    version: Annotated[
        int | None,
        typer.Option(help="Version to use. Default: the champion, or else the newest approved version."),
    ] = None,
    instance_type: Annotated[str, typer.Option(help="Instance type of the job.")] = "ml.m5.large",
    instances: Annotated[int, typer.Option(min=1, max=100, help="Number of instances.")] = 1,
    base_rate: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=1 - 1e-6,
            help="Known share of bankrupt companies in the portfolio, such as 0.02. Adds the column "
            "probability_at_base_rate with this mean; the other columns do not change.",
        ),
    ] = None,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="Do not log the scores, so that monitoring does not see them.")
    ] = False,
) -> None:
    """Score a portfolio of any size; lines that can't be scored are listed next to the result."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from scripts.aws.transform_jobs import new_name
    from scripts.deploy.outputs import read_outputs
    from scripts.score.log import OFF, log_mode
    from scripts.score.model import choose_model
    from scripts.score.scoring import Order
    from scripts.score.scoring import score as score_portfolio

    aws = settings.connect()
    role_arn = read_outputs(aws).transform_role_arn
    model = choose_model(aws, version)
    order = Order(
        source,
        target,
        keep,
        new_name(aws.project),
        role_arn,
        instance_type,
        instances,
        base_rate,
        log=OFF if no_log else log_mode(aws),
    )
    title = f"Scoring with version {model.version} of {aws.project.model_package_group}."
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True)) as progress:
        summary = score_portfolio(aws, order, model, _bars(progress, title))
    document = {
        "target": target,
        "version": model.version,
        "companies": summary.scored,
        "levels": summary.levels,
        "mean_probability": summary.mean,
        "bad_lines": summary.bad,
        "bad_lines_file": summary.errors,
        "ignored_columns": summary.ignored_columns,
        "logged": summary.logged,
        "warnings": [*summary.unit_warnings, *summary.warnings],
        "seconds": summary.seconds,
    }
    show_result(document, lambda: _show_summary(summary, target, base_rate))


def _bars(progress: Progress, title: str) -> OnProgress:
    """Return a function that shows a bar for each stage, and the title once scoring begins."""
    tasks: dict[str, TaskID] = {}

    def on_progress(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            if stage == "transform":
                show(title, stderr=True)  # by the console of the bars, which prints it above them
            tasks[stage] = progress.add_task(_STAGES[stage], total=total)
        progress.update(tasks[stage], completed=done, total=total)

    return on_progress


def _show_summary(summary: Summary, target: str, base_rate: float | None) -> None:
    seconds = sum(summary.seconds.values())
    levels = ", ".join(f"{count:,} {level}" for level, count in summary.levels.items())
    rate = f"{summary.scored / seconds:,.0f} a second"
    show(f"{counted(summary.scored, 'company')} in {seconds:.1f} s ({rate}): {levels}")
    show(f"Result: [bold]{target}[/]")
    show_ignored_columns(summary.ignored_columns)
    for warning in (*summary.unit_warnings, *summary.warnings):
        show_warning(warning)
    if summary.logged:
        show(f"Logged for monitoring: {counted(summary.logged, 'score')}.")
    if summary.errors:
        bad = counted(summary.bad, "line")
        show(f"[yellow]{bad} could not be scored;[/] line numbers and reasons: [bold]{summary.errors}[/]")
    if base_rate is not None:
        show(
            f"Mean probability: {summary.mean:.3%}; mean of the column probability_at_base_rate: "
            f"{base_rate:.3%}. Risk levels are based on the model's own probability."
        )
