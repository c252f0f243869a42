"""Shows a pipeline execution: a live table of its steps, then the figures of its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scripts.aws.session import Aws
from scripts.operate.durations import usual_seconds
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


def follow_to_success(aws: Aws, arn: str) -> Execution:
    """Show an execution live until it ends, then its outcome.

    Raises
    ------
    ExecutionError
        If it did not succeed.
    """
    execution = follow(aws, arn)
    show_outcome(aws, execution)
    require_success(aws, execution)
    return execution


def require_success(aws: Aws, execution: Execution) -> None:
    """Raise an ExecutionError if an execution that has ended did not succeed."""
    if execution.status != "Succeeded":
        has_report = read_evaluation(aws, execution) is not None
        hint = "`bankruptcy report` shows the evaluation." if has_report else ""
        raise ExecutionError(f"The execution ended as {execution.status}.", hint)


def show_execution(aws: Aws, arn: str) -> None:
    """Show the current steps, failures and figures of an execution."""
    from pipeline.service import describe

    execution = describe(aws.client("sagemaker"), arn)
    show(f"[bold]{execution.id}[/]: {execution.status}")
    console().print(steps_table(execution.steps, now=datetime.now(UTC)))
    show_outcome(aws, execution)


def show_outcome(aws: Aws, execution: Execution) -> None:
    """Show the failures of an execution, its candidates' figures and the gate's reason."""
    for step in execution.steps:
        if step.failure_reason:
            show(f"[red]{step.name}:[/] {plain(step.failure_reason)}")
    evaluation = read_evaluation(aws, execution)
    if evaluation is not None:
        console().print(candidates_table(evaluation, is_sample=uses_sample(execution)))
        show(f"[bold]Gate:[/] {plain(evaluation['gate']['reason'])}")


def follow(aws: Aws, arn: str) -> Execution:
    """Show the steps of an execution live until it ends."""
    from rich.live import Live

    from pipeline.service import watch

    usual = usual_seconds(aws, arn)
    out = console()
    # Local AWS answers with the cores that the jobs need, so asking more often makes them slower.
    states = watch(aws.client("sagemaker"), arn, interval=0.5 if aws.is_local else 5.0)
    execution = next(states)
    # A terminal shows the table several times a second; other outputs only get it at the end.
    with Live(
        get_renderable=lambda: steps_table(execution.steps, now=datetime.now(UTC), usual=usual),
        console=out,
        refresh_per_second=8,
    ):
        for execution in states:  # noqa: B007 - shown by get_renderable
            pass
    out.print()  # outside a terminal, Live does not end the last line
    return execution


def steps_table(
    steps: Iterable[StepState], *, now: datetime, usual: Mapping[str, float] = MappingProxyType({})
) -> Table:
    """Return a table with the state and duration of each step, and for running steps what they do.

    Parameters
    ----------
    usual
        The usual duration of steps, in seconds by name.
    """
    shown = table("", "step", "state", ("seconds", "right"))
    if usual:
        shown.add_column("usually", justify="right")
    for step in steps:
        seconds = f"{((step.end or now) - step.start).total_seconds():.1f}" if step.start else ""
        usually = [f"{usual[step.name]:.1f}" if step.name in usual else ""] if usual else []
        shown.add_row(_MARKS.get(step.status, " "), step.name, _state_text(step), seconds, *usually)
    return shown


def _state_text(step: StepState) -> str:
    if step.cached:
        return f"{step.status} (from the cache)"
    if step.status != "Executing":
        return step.status
    if step.failure_reason:
        return f"waits for its next attempt: {plain(step.failure_reason)}"
    return f"{step.status}: {plain(step.description)}" if step.description else step.status


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
