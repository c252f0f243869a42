"""The forms in which `bankruptcy predict` gives its answers: a table, CSV, JSON Lines, and a summary."""

from __future__ import annotations

import csv
import heapq
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from scripts.text import counted

if TYPE_CHECKING:
    from rich.console import Console

    from scripts.predict.predictions import Result

MOST_LISTED = 50  # companies that a table lists all; of more it shows the riskiest
RISKIEST = 20
MOST_ERRORS = 10  # that the summary lists
_COLOURS = {"low": "green", "medium": "yellow", "high": "red"}


class Output(Protocol):
    """Takes results one by one."""

    def add(self, result: Result) -> None:
        """Take one result."""
        ...

    def finish(self) -> None:
        """Write what is left to write."""
        ...


class CsvOutput:
    """A line for each company, in their order; those without an answer have an error."""

    def __init__(self, stream: TextIO, unit: str, *, explain: bool = False) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        header = (unit, "probability_bankrupt", "risk_level", "prediction", "model_version", "error")
        self._header = (*header, "explanation") if explain else header
        self._count = 0

    def add(self, result: Result) -> None:
        """Write one line, and the header before the first."""
        if self._count == 0:
            self._writer.writerow(self._header)
        self._count += 1
        if result.prediction is None:
            self._writer.writerow((result.place, "", "", "", "", result.error, "")[: len(self._header)])
            return
        said = result.prediction
        self._writer.writerow(
            (
                result.place,
                said["probability"]["bankrupt"],
                said["risk_level"],
                said["prediction"],
                result.version,
                "",
                _explanation(said, "; "),
            )[: len(self._header)]
        )

    def finish(self) -> None:
        """Write the header if there was nothing."""
        if self._count == 0:
            self._writer.writerow(self._header)


class JsonOutput:
    """A JSON object for each company, one a line, in their order."""

    def __init__(self, stream: TextIO, unit: str) -> None:
        self._stream = stream
        self._unit = unit

    def add(self, result: Result) -> None:
        """Write one line."""
        said: dict[str, Any] = {self._unit: result.place}
        if result.prediction is None:
            said["error"] = result.error
        else:
            said |= {**result.prediction, "model_version": result.version}
        self._stream.write(json.dumps(said) + "\n")

    def finish(self) -> None:
        """All is written."""


class TableOutput:
    """A table of all companies, or of the riskiest where there are many: of those no more are kept."""

    def __init__(self, stream: TextIO, unit: str) -> None:
        self._stream = stream
        self._unit = unit
        self._count = 0
        self._first: list[Result] = []
        self._riskiest: list[tuple[float, int, Result]] = []

    def add(self, result: Result) -> None:
        """Keep a result if it can get into the table."""
        if result.prediction is None:
            return
        self._count += 1
        if len(self._first) < MOST_LISTED:
            self._first.append(result)
        # Of two equal ones the earlier goes first.
        entry = (result.prediction["probability"]["bankrupt"], -self._count, result)
        if len(self._riskiest) < RISKIEST:
            heapq.heappush(self._riskiest, entry)
        elif entry > self._riskiest[0]:
            heapq.heapreplace(self._riskiest, entry)

    def finish(self) -> None:
        """Print the table."""
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        if not self._count:
            return
        out = Console(file=self._stream, highlight=False)
        shown = self._first
        if self._count > MOST_LISTED:
            shown = [result for *_, result in sorted(self._riskiest, reverse=True)]
            out.print(f"The {RISKIEST} riskiest of {self._count:,} companies; --output FILE keeps all:\n")
        table = Table(box=None, pad_edge=False)
        for heading in (self._unit, "bankrupt"):
            table.add_column(heading, justify="right")
        table.add_column("risk")
        table.add_column("prediction", justify="right")
        if any("explanation" in (result.prediction or {}) for result in shown):
            table.add_column("what moves it most, in log-odds")
        for result in shown:
            said = result.prediction or {}
            level = said["risk_level"]
            table.add_row(
                str(result.place),
                _percent(said["probability"]["bankrupt"]),
                f"[{_COLOURS.get(level, 'default')}]{level}[/]",
                str(said["prediction"]),
                *([escape(_explanation(said, "\n"))] if "explanation" in said else []),
            )
        out.print(table)


class Summary:
    """Counts what came of the companies."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._levels: Counter[str] = Counter()
        self._versions: dict[str, None] = {}  # in the order of their first answers
        self._first_errors: list[Result] = []
        self.errors = 0

    @property
    def companies(self) -> int:
        """How many there were."""
        return self._levels.total() + self.errors

    def add(self, result: Result) -> None:
        """Count one result."""
        if result.prediction is None:
            self.errors += 1
            if len(self._first_errors) < MOST_ERRORS:
                self._first_errors.append(result)
            return
        self._levels[result.prediction["risk_level"]] += 1
        self._versions[str(result.version)] = None

    def show(self, out: Console, *, seconds: float, path: Path | None) -> None:
        """Print it: the first errors with their places, then the counts."""
        from rich.markup import escape

        for result in self._first_errors:
            out.print(f"[red]{self._unit} {result.place}:[/] {escape(str(result.error))}", soft_wrap=True)
        if self.errors > MOST_ERRORS:
            out.print(f"[red]… and {self.errors - MOST_ERRORS:,} more errors[/]")
        if self.companies == 1 and not self.errors:
            return  # the answer says it all
        # From the least risk to the most, then what an API of another day may call its levels.
        levels = sorted(self._levels, key=lambda level: (*_COLOURS, level).index(level))
        counts = [f"[{_COLOURS.get(level, 'default')}]{level}[/] {self._levels[level]:,}" for level in levels]
        counts.append(f"[{'red' if self.errors else 'dim'}]errors {self.errors:,}[/]")
        rate = f", {self.companies / seconds:,.0f} a second" if self.companies > 1 else ""
        version = f", model version {' and '.join(self._versions)}" if self._versions else ""
        out.print(f"[bold]{counted(self.companies, 'company')}[/] in {seconds:.1f} s{rate}{version}")
        out.print("  ".join(counts))
        if path is not None:
            out.print(f"written to {escape(str(path))}", soft_wrap=True)


def _explanation(said: dict[str, Any], separator: str) -> str:
    return separator.join(
        f"{effect['effect']:+.2f} {effect['feature']}" for effect in said.get("explanation", [])
    )


def _percent(probability: float) -> str:
    # A probability is never nothing, and never all.
    if probability < 0.0005:
        return "<0.1%"
    return ">99.9%" if probability >= 0.9995 else f"{probability:.1%}"
