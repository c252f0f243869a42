"""`bankruptcy outcomes`: uploads which companies went bankrupt, for monitoring."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scripts.terminal.console import show, show_warning
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.results import show_result, with_json
from scripts.text import counted

app = typer.Typer(name="outcomes", no_args_is_help=True)


@app.callback()
@with_settings
def outcomes(_settings: Settings) -> None:
    """Upload which companies went bankrupt, for monitoring."""


@app.command()
@with_settings
@with_json
def upload(
    settings: Settings,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or .jsonl with the columns prediction_id or id, date, and outcome (0 or 1)."
        ),
    ],
) -> None:
    """Check a file of outcomes, and upload it. A file with a wrong line is rejected as a whole."""
    from scripts.data.outcomes import read_outcomes, upload_outcomes

    # Dates are written where the user is.
    found = read_outcomes(file, datetime.now(UTC).astimezone().date())
    uploaded = upload_outcomes(settings.connect(), found.outcomes)
    warnings = [f"Ignored columns: {found.ignored_columns}."] if found.ignored_columns else []
    for warning in warnings:
        show_warning(warning)
    count = len(found.outcomes)
    bankruptcies = sum(each.outcome == "1" for each in found.outcomes)
    document = {
        "uri": uploaded.uri,
        "outcomes": count,
        "bankruptcies": bankruptcies,
        "new": uploaded.new,
        "warnings": warnings,
    }
    text = (
        f"Uploaded {counted(count, 'outcome')}, {bankruptcies:,} of them bankruptcies; {uploaded.new:,} had "
        "not been uploaded before. The next run of monitoring uses them."
    )
    show_result(document, lambda: show(text))
