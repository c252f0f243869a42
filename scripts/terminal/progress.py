"""Shows a pipeline execution: a live table of its steps, then the figures of its candidates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripts.aws.session import Aws
from scripts.operate.executions import ExecutionError, read_evaluation, uses_sample
from scripts.terminal.console import console, plain, show
from scripts.terminal.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from pipeline.service import Execution, StepState

_MARKS = {
    "Succeeded": "[green]✓[/]",
    "Failed": "[red]✗[/]",
    "Stopped": "[yellow]■[/]",
    "Stopping": "[yellow]■[/]",
    "Executing": "[cyan]▶[/]",
    "Starting": "[cyan]▶[/]",
}


def follow(aws: Aws, arn: str) -> Execution:
    """Show an execution live until it ends, then its failures and figures.

    Raises
    ------
    ExecutionError
        If it did not succeed.
    """
    execution = _show_live(aws, arn)
    _show_failures(execution)
    has_figures = _show_figures(aws, execution)
    if execution.status != "Succeeded":
        hint = "`bankruptcy report` shows the evaluation." if has_figures else ""
        raise ExecutionError(f"The execution ended as {execution.status}.", hint)
    return execution


def show_execution(aws: Aws, execution: Execution) -> None:
    """Show the current steps, failures and figures of an execution."""
    show(f"[bold]{execution.id}[/]: {execution.status}")
    console().print(steps_table(execution.steps, now=datetime.now(UTC)))
    _show_failures(execution)
    _show_figures(aws, execution)


def _show_live(aws: Aws, arn: str) -> Execution:
    from rich.live import Live

    from pipeline.service import watch

    out = console()
    # Local AWS answers with the cores that the jobs need, so asking more often makes them slower.
    states = watch(aws.client("sagemaker"), arn, interval=0.5 if aws.is_local else 5.0)
    execution = next(states)
    # A terminal shows the table several times a second; other outputs only get it at the end.
    with Live(
        get_renderable=lambda: steps_table(execution.steps, now=datetime.now(UTC)),
        console=out,
        refresh_per_second=8,
    ):
        for execution in states:  # noqa: B007 - shown by get_renderable
            pass
    out.print()  # outside a terminal, Live does not end the last line
    return execution


def _show_failures(execution: Execution) -> None:
    for step in execution.steps:
        if step.failure_reason:
            show(f"[red]{step.name}:[/] {plain(step.failure_reason)}")


def _show_figures(aws: Aws, execution: Execution) -> bool:
    """Show the candidates' figures and the gate's reason; return whether there are any."""
    evaluation = read_evaluation(aws, execution)
    if evaluation is not None:
        console().print(candidates_table(evaluation, is_sample=uses_sample(execution)))
        show(f"[bold]Gate:[/] {plain(evaluation['gate']['reason'])}")
    return evaluation is not None


def steps_table(steps: Iterable[StepState], *, now: datetime) -> Table:
    """Return a table with the state and duration of each step."""
    shown = table("", "step", "state", ("seconds", "right"))
    for step in steps:
        state = f"{step.status} (from the cache)" if step.cached else step.status
        if step.status == "Executing" and step.failure_reason:
            state = f"waits for its next attempt: {plain(step.failure_reason)}"
        seconds = f"{((step.end or now) - step.start).total_seconds():.1f}" if step.start else ""
        shown.add_row(_MARKS.get(step.status, " "), step.name, state, seconds)
    return shown


def candidates_table(evaluation: dict[str, Any], *, is_sample: bool) -> Table:
    """Return a table with both candidates' figures on the test companies, at most 80 columns wide."""
    test = evaluation["test"]
    origin = "sample data, one split" if is_sample else "one split"
    right = ("ROC-AUC", "95 %\ninterval", "PR-AUC", "Brier", "recall,\n5 % FPR", "out of\nfold")
    shown = table("", "candidate", *((heading, "right") for heading in right))
    for column in shown.columns:
        column.no_wrap = True
    shown.columns[1].vertical = "bottom"
    shown.title = (
        f"{test['companies']:,} unseen companies, {test['bankruptcies']} of them bankrupt ({origin})"
    )
    shown.caption = "← selected: the better one out of fold; the unseen companies only judge it."
    shown.title_justify = shown.caption_justify = "left"
    for name, figures in evaluation["candidates"].items():
        is_selected = name == evaluation["selected"]["candidate"]
        roc_auc = figures["roc_auc"]
        shown.add_row(
            "←" if is_selected else "",
            f"{name} {figures['estimator']}",
            f"{roc_auc['value']:.3f}",
            f"{roc_auc['low']:.3f}–{roc_auc['high']:.3f}",
            f"{figures['pr_auc']:.3f}",
            f"{figures['brier']:.4f}",
            f"{figures['recall_at_5_percent_fpr']:.2f}",
            f"{figures['out_of_fold_roc_auc']:.3f}",
            style="bold" if is_selected else "",
        )
    return shown
