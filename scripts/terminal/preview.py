"""Shows the preview of a version in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.preview.words import common_reason, reason_text, summary
from scripts.terminal.console import console, plain, show, show_warning
from scripts.terminal.tables import table
from scripts.text import counted

if TYPE_CHECKING:
    from rich.table import Table

    from scripts.preview.comparison import Preview

LISTED = 20


def show_preview(preview: Preview, page: Path | None) -> None:
    """Print a preview: its summary, the mix of levels, and the largest changes."""
    show(summary(preview))
    mix = table("\nrisk level", ("\nchampion", "right"), (f"\nversion {preview.version}", "right"))
    for level in preview.levels:
        before, after = preview.mix(level)
        mix.add_row(plain(level), f"{before:,}", f"{after:,}")
    console().print(mix)
    if preview.changes:
        console().print(_changes(preview))
        show(common_reason(preview))
    if preview.changed > LISTED:
        show(f"The {LISTED} largest of {preview.changed:,} changes; --json and --page list up to 100.")
    if preview.errors:
        number, problem = preview.errors[0]
        show_warning(
            f"{counted(len(preview.errors), 'company')} without an answer, the first: "
            f"{preview.unit} {number}: {problem}"
        )
    if page is not None:
        show(f"Page       {plain(str(page))}", wrap=False)


def _changes(preview: Preview) -> Table:
    names = [plain(name) for name in preview.ids]
    shown = table(
        (f"\n{preview.unit}", "right"), *names, "champion", f"version {preview.version}", "why, in log-odds"
    )
    for change in preview.changes[:LISTED]:
        shown.add_row(
            str(change.number),
            *(plain("" if value is None else str(value)) for value in change.ids),
            *(f"{plain(answer.risk_level)} {answer.probability_bankrupt:.1%}" for answer in change.answers),
            plain("\n".join(map(reason_text, change.reasons))),
        )
    return shown
