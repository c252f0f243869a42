"""Shows the result of monitoring in the terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scripts.operate.words import outcomes_text, quality_rows
from scripts.terminal.console import console, plain, show, show_facts
from scripts.terminal.tables import TIME_FORMAT, table
from scripts.text import counted

if TYPE_CHECKING:
    from rich.table import Table

    from scripts.operate.drills.outcomes import Quality
    from scripts.operate.monitoring import Acceptance

LISTED = 10


def show_monitoring(run: str, result: Mapping[str, Any], accepted: Sequence[Acceptance]) -> None:
    """Print a run's alarms, versions, drifting columns, quality and outcomes."""
    show_facts(_facts(run, result, accepted))
    if result["versions"]:
        _print(_versions(result["versions"]))
    drifting = [
        (version, column)
        for version, facts in result["versions"].items()
        for column in facts["drift"] or []
        if column["reason"]
    ]
    if drifting:
        _print(_drifting(drifting[:LISTED]))
    if len(drifting) > LISTED:
        show(f"{LISTED} of {len(drifting):,} drifting columns; --json and --page list all.")
    quality = _quality(result)
    if quality.row_count:
        _print(quality)


def _print(shown: Table) -> None:
    console().print()
    console().print(shown)


def _facts(run: str, result: Mapping[str, Any], accepted: Sequence[Acceptance]) -> Iterator[tuple[str, str]]:
    yield "run", f"{plain(run)}, finished {datetime.fromisoformat(result['time']):{TIME_FORMAT}}"
    yield "predictions", f"{result['predictions']:,}"
    for name, reasons in result["alarms"].items():
        yield name, f"[red]ALARM: {len(reasons)}[/]" if reasons else "[green]no alarm[/]"
    for reason in result["alarms"]["quality"]:
        yield "", plain(reason)
    if left := list(_left_out(result["left_out"])):
        yield "left out", ", ".join(left)
    yield "outcomes", outcomes_text(result["outcomes"])
    for each in accepted:
        yield "accepted", plain(f"version {each.version}, by {each.by}: run {each.run}, {each.note!r}")


def show_realised(versions: Mapping[str, Quality], outcomes: Mapping[str, int]) -> None:
    """Print the realised quality of each version of a drill, and how the outcomes were used."""
    shown = table(
        "version", ("companies", "right"), ("bankrupt", "right"), ("expected", "right"), "ROC-AUC", ""
    )
    for version, found in versions.items():
        shown.add_row(
            plain(version),
            f"{found.companies:,}",
            f"{found.bankruptcies:,}",
            f"{found.expected_bankruptcies:.1f}",
            f"{found.roc_auc:.3f} ({found.low:.3f} to {found.high:.3f})",
            "[red]too low[/]" if found.reason else "[green]as in training[/]",
        )
    _print(shown)
    show(f"\nOutcomes: {outcomes_text(outcomes)}")


def _left_out(left: Mapping[str, Any]) -> Iterator[str]:
    if left["unreadable"]:
        yield f"[red]{counted(left['unreadable'], 'unreadable line')}[/]"
    if left["other_time"]:
        yield f"{left['other_time']:,} of another time"
    for version, count in left["unknown_versions"].items():
        yield f"{count:,} of version {plain(version)}, which has no profile"


def _versions(versions: Mapping[str, Any]) -> Table:
    shown = table(
        "\nversion",
        ("\npredictions", "right"),
        ("different\ncompanies", "right"),
        "\nrisk levels",
        "compared\nwith",
        ("drifting\ncolumns", "right"),
    )
    for version, facts in versions.items():
        mix = ", ".join(
            f"{plain(level)} {count / facts['predictions']:.1%}" for level, count in facts["levels"].items()
        )
        drift = facts["drift"]
        shown.add_row(
            plain(version),
            f"{facts['predictions']:,}",
            f"{facts['companies']:,}",
            mix,
            facts["compared_with"],
            "too few" if drift is None else str(sum(bool(column["reason"]) for column in drift)),
        )
    return shown


def _drifting(drifting: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    shown = table(
        "\nversion",
        "\ndrifting column",
        ("\nindex", "right"),
        ("outside\nrange", "right"),
        ("between\nunits", "right"),
    )
    for version, column in drifting:
        shown.add_row(
            plain(version),
            plain(column["name"]),
            f"{column['index']:.2f}",
            f"{column['outside']:.1%}",
            f"{column['in_gap']:.1%}",
        )
    return shown


def _quality(result: Mapping[str, Any]) -> Table:
    """Return a table of the expected and the realised quality, with 95 % intervals."""
    shown = table("version", "quality", ("expected", "right"), ("realised", "right"))
    for row in quality_rows(result):
        shown.add_row(*map(plain, row))
    return shown
