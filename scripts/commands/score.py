"""`bankruptcy score`: a whole portfolio at once, by SageMaker Batch Transform."""

from __future__ import annotations

import errno
import secrets
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.aws.session import DEFAULT_PROJECT, LocalOption, ProjectOption, RegionOption, connect
from scripts.terminal.console import console, fail
from scripts.text import counted

if TYPE_CHECKING:
    from scripts.score.scoring import OnProgress, Summary

_STAGES = {"prepare": "preparing", "transform": "scoring", "collect": "collecting"}


def score(
    source: Annotated[
        str, typer.Argument(help="Portfolio: .csv with a header or .jsonl (also .gz), a path or S3 URI.")
    ],
    target: Annotated[str, typer.Argument(help="Result: .csv or .jsonl, a path or S3 URI.")],
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            help="Column to keep beside the result; repeat for more. Default: the first one, "
            "unless the model takes it.",
        ),
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Model version; default: the served one, else the newest approved.")
    ] = None,
    instance_type: Annotated[str, typer.Option(help="What the job runs on.")] = "ml.m5.large",
    instances: Annotated[int, typer.Option(min=1, max=100, help="How many share the portfolio.")] = 1,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Score a portfolio of any size; lines that can't be scored are listed beside the result."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from scripts.aws.files import PlaceError
    from scripts.deploy.deployment import DeploymentError, read_outputs
    from scripts.score import scoring
    from scripts.score.portfolio import PortfolioError

    aws = connect(project, local=local, region=region)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        outputs = read_outputs(aws.client("cloudformation"), aws.project)
        model = scoring.choose_model(aws, version)
        order = scoring.Order(
            source,
            target,
            keep,
            name=f"{project}-score-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            role_arn=outputs.transform_role_arn,
            fleet=scoring.Fleet(instance_type, instances),
        )
        title = f"Scoring with version {model.version} of {aws.project.model_package_group}."
        with Progress(*columns, console=console(stderr=True)) as progress:
            summary = scoring.score(aws, order, model, _shown(progress, title))
    except (DeploymentError, PlaceError, PortfolioError, scoring.ScoringError) as error:
        fail(str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        room = f"The folder for temporary files, {tempfile.gettempdir()}, needs room for the result"
        fail(f"The portfolio could not be scored: {error}. {room}; TMPDIR names another one.")
    _tell(summary, target)


def _shown(progress: object, title: str) -> OnProgress:
    """Return what draws a bar for each stage, with a title once there is something to score."""
    from rich.progress import Progress, TaskID

    tasks: dict[str, TaskID] = {}
    bars: Progress = progress  # type: ignore[assignment]

    def on_progress(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            if stage == "transform":
                console().print(title)
            tasks[stage] = bars.add_task(_STAGES[stage], total=total)
        bars.update(tasks[stage], completed=done, total=total)

    return on_progress


def _tell(summary: Summary, target: str) -> None:
    from rich.markup import escape

    seconds = sum(summary.seconds.values())
    levels = ", ".join(f"{count:,} {level}" for level, count in summary.levels.items())
    pace = f"{seconds:.1f} s ({summary.scored / seconds:,.0f} a second)"
    console().print(f"{counted(summary.scored, 'company')} in {pace}: {levels}", soft_wrap=True)
    console().print(f"Result: [bold]{target}[/]", soft_wrap=True)
    if summary.warning:
        console(stderr=True).print(f"[yellow]Warning:[/] {escape(summary.warning)}", soft_wrap=True)
    if summary.errors:
        console().print(
            f"[yellow]{counted(summary.bad, 'line')} could not be scored;[/] numbers and reasons: "
            f"[bold]{summary.errors}[/]",
            soft_wrap=True,
        )
