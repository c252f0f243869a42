"""Shows predictions: a table, a progress bar, and a summary."""

from __future__ import annotations

import heapq
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from scripts.predict.output import LEVELS, MOST_ERRORS, Summary, effects_of
from scripts.terminal.console import plain
from scripts.terminal.tables import table
from scripts.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from scripts.companies.company_file import Companies
    from scripts.predict.predictions import Result

MOST_LISTED = 50  # with more companies, the table only shows the riskiest
RISKIEST = 20
_COLOURS = dict(zip(LEVELS, ("green", "yellow", "red"), strict=True))


class TableOutput:
    """A table of all companies, or of the riskiest if there are many; only those are kept in memory."""

    def __init__(self, stream: TextIO, unit: str, ids: Sequence[str] = ()) -> None:
        self._stream = stream
        self._unit = unit
        self._ids = ids
        self._count = 0
        self._first: list[Result] = []
        self._riskiest: list[tuple[float, int, Result]] = []

    def add(self, result: Result) -> None:
        """Keep a result if it might be in the table."""
        if result.prediction is None:
            return
        self._count += 1
        if len(self._first) < MOST_LISTED:
            self._first.append(result)
        # Among equal probabilities, the earlier company comes first.
        entry = (result.prediction["probability"]["bankrupt"], -self._count, result)
        if len(self._riskiest) < RISKIEST:
            heapq.heappush(self._riskiest, entry)
        elif entry > self._riskiest[0]:
            heapq.heapreplace(self._riskiest, entry)

    def finish(self) -> None:
        """Print the table."""
        from rich.console import Console

        if not self._count:
            return
        out = Console(file=self._stream, highlight=False)
        results = self._first
        if self._count > MOST_LISTED:
            results = [result for *_, result in sorted(self._riskiest, reverse=True)]
            out.print(f"The {RISKIEST} riskiest of {self._count:,} companies; --output FILE writes all:\n")
        names = [plain(name) for name in self._ids]
        shown = table((self._unit, "right"), *names, ("bankrupt", "right"), "risk", ("prediction", "right"))
        if any("explanation" in (result.prediction or {}) for result in results):
            shown.add_column("largest effects, in log-odds")
        for result in results:
            answer = result.prediction or {}
            shown.add_row(
                str(result.number),
                *(plain("" if value is None else str(value)) for value in result.ids),
                _percent(answer["probability"]["bankrupt"]),
                _coloured(answer["risk_level"]),
                str(answer["prediction"]),
                *([plain("\n".join(effects_of(answer)))] if "explanation" in answer else []),
            )
        out.print(shown)


def show_summary(summary: Summary, out: Console, *, seconds: float, path: Path | None) -> None:
    """Print the first errors and warnings of a summary, then its counts.

    Parameters
    ----------
    seconds
        How long the predictions took.
    path
        The file that they were written to.
    """
    for result in summary.first_errors:
        out.print(f"[red]{summary.unit} {result.number}:[/] {plain(str(result.error))}", soft_wrap=True)
    if summary.errors > MOST_ERRORS:
        out.print(f"[red]… and {summary.errors - MOST_ERRORS:,} more errors[/]")
    for result in summary.first_warnings:
        for warning in result.warnings:
            out.print(f"[yellow]{summary.unit} {result.number}:[/] {plain(warning)}", soft_wrap=True)
    if summary.warned > MOST_ERRORS:
        out.print(f"[yellow]… and {summary.warned - MOST_ERRORS:,} more companies with warnings[/]")
    if summary.companies == 1 and not summary.errors:
        return  # the prediction has been shown
    # From the lowest risk to the highest; levels that a newer API may have come last.
    levels = sorted(summary.levels, key=lambda level: (*LEVELS, level).index(level))
    counts = [f"{_coloured(level)} {summary.levels[level]:,}" for level in levels]
    counts.append(f"[{'red' if summary.errors else 'dim'}]errors {summary.errors:,}[/]")
    rate = f", {summary.companies / seconds:,.0f} a second" if summary.companies > 1 else ""
    version = f", model version {' and '.join(summary.versions)}" if summary.versions else ""
    out.print(f"[bold]{counted(summary.companies, 'company')}[/] in {seconds:.1f} s{rate}{version}")
    out.print("  ".join(counts))
    if path is not None:
        out.print(f"written to {plain(str(path))}", soft_wrap=True)


def with_progress(results: Iterable[Result], companies: Companies, out: Console) -> Iterator[Result]:
    """Yield the results; on a terminal, show a progress bar until the last one."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Predicting"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[companies]:,} companies"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=companies.size, companies=0)
        for count, result in enumerate(results, start=1):
            if count % 100 == 0:
                # The position counts the companies that were read; some of them have no prediction yet.
                done = companies.position * count / companies.count
                progress.update(task, completed=done, companies=count)
            yield result


class WaitNotice:
    """Prints why predictions are waiting, once even if several requests wait."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._until = 0.0

    def __call__(self, seconds: float, reason: str) -> None:
        """Print the reason, unless an earlier wait is still going on."""
        now = time.monotonic()
        if now >= self._until:
            self._until = now + seconds
            self._out.print(f"[yellow]Waiting {seconds:.0f} s:[/] {plain(reason)}", soft_wrap=True)


def _coloured(level: str) -> str:
    return f"[{_COLOURS.get(level, 'default')}]{level}[/]"


def _percent(probability: float) -> str:
    # A probability is never exactly 0 % or 100 %.
    if probability < 0.0005:
        return "<0.1%"
    return ">99.9%" if probability >= 0.9995 else f"{probability:.1%}"
