"""A pipeline execution as people like to watch it: a live table of steps, then the candidates' figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripts.terminal.console import console

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from pipeline.service import Execution, StepState
    from scripts.aws.session import Aws

_MARKS = {
    "Succeeded": "[green]✓[/]",
    "Failed": "[red]✗[/]",
    "Stopped": "[yellow]■[/]",
    "Stopping": "[yellow]■[/]",
    "Executing": "[cyan]▶[/]",
    "Starting": "[cyan]▶[/]",
}


def show_progress(aws: Aws, arn: str) -> Execution:
    """Show an execution live until it ends; then why, for each step that failed."""
    from rich.live import Live
    from rich.markup import escape

    from pipeline.service import watch

    out = console()
    states = watch(aws.client("sagemaker"), arn, interval=0.2 if aws.is_local else 5.0)
    execution = next(states)
    # On a terminal the table is drawn anew several times a second; elsewhere once, at the end.
    with Live(
        get_renderable=lambda: steps_table(execution.steps, now=datetime.now(UTC)),
        console=out,
        refresh_per_second=8,
    ):
        for execution in states:  # noqa: B007 - drawn by the line above
            pass
    out.print()  # off a terminal the table's last line is left open
    for step in execution.steps:
        if step.failure_reason:
            out.print(f"[red]{step.name}:[/] {escape(step.failure_reason)}", soft_wrap=True)
    return execution


def steps_table(steps: Iterable[StepState], *, now: datetime) -> Table:
    """Return one row a step: state and seconds."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading, justify in (("", "left"), ("step", "left"), ("state", "left"), ("seconds", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for step in steps:
        state = f"{step.status} (from the cache)" if step.cached else step.status
        seconds = f"{((step.end or now) - step.start).total_seconds():.1f}" if step.start else ""
        table.add_row(_MARKS.get(step.status, " "), step.name, state, seconds)
    return table


def read_evaluation(aws: Aws, execution: Execution) -> dict[str, Any] | None:
    """Return the evaluation.json of an execution, or None when it has none yet."""
    from pipeline.service import evaluation_uri

    uri = evaluation_uri(aws.client("sagemaker"), execution)
    if uri is None:
        return None
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    evaluation: dict[str, Any] = json.load(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    return evaluation


def candidates_table(evaluation: dict[str, Any], *, is_sample: bool) -> Table:
    """Return both candidates' figures on the companies that neither has seen."""
    from rich.table import Table

    test = evaluation["test"]
    what = "sample data, one split" if is_sample else "one split"
    # As wide as a terminal of 80 columns, with nothing cut off.
    table = Table(
        title=f"{test['companies']:,} unseen companies, {test['bankruptcies']} of them bankrupt ({what})",
        title_justify="left",
        caption="← selected: the better one out of fold; the unseen companies only judge.",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    table.add_column("candidate", no_wrap=True, vertical="bottom")
    for heading in ("ROC-AUC", "95 %\ninterval", "PR-AUC", "Brier", "recall,\n5 % FPR", "out of\nfold"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, figures in evaluation["candidates"].items():
        chosen = name == evaluation["selected"]["candidate"]
        roc_auc = figures["roc_auc"]
        table.add_row(
            "←" if chosen else "",
            f"{name} {figures['estimator']}",
            f"{roc_auc['value']:.3f}",
            f"{roc_auc['low']:.3f}–{roc_auc['high']:.3f}",
            f"{figures['pr_auc']:.3f}",
            f"{figures['brier']:.4f}",
            f"{figures['recall_at_5_percent_fpr']:.2f}",
            f"{figures['out_of_fold_roc_auc']:.3f}",
            style="bold" if chosen else "",
        )
    return table
