"""Renders a preview as a self-contained HTML page, in the style of the model report."""

from __future__ import annotations

from scripts.preview.comparison import Change, Preview
from scripts.preview.words import common_reason, reason_text, summary
from scripts.text import counted
from steps.report.document import document
from steps.report.markup import Markup, element, join, lead, percent, section
from steps.report.tables import Row, table

MOST_ERRORS = 100


def render(preview: Preview, file: str) -> str:
    """Return the page.

    Parameters
    ----------
    file
        The name of the company file.
    """
    title = f"Preview of version {preview.version}"
    header = element(
        "header",
        element("p", f"Preview · {file}", class_="eyebrow"),
        element("div", element("h1", title), class_="title"),
        element("p", summary(preview)),
    )
    return document(title, header, sections(preview))


def sections(preview: Preview) -> Markup:
    """Return the sections of the page: risk levels, changes, and companies without an answer."""
    return join([_levels(preview), _changes(preview), _errors(preview)])


def _levels(preview: Preview) -> Markup:
    headings = ["With the champion", *preview.levels, "all"]
    rows = [
        Row(
            level,
            [
                *(f"{preview.moves[level, after]:,}" for after in preview.levels),
                f"{preview.mix(level)[0]:,}",
            ],
        )
        for level in preview.levels
    ]
    rows.append(
        Row("all", [*(f"{preview.mix(level)[1]:,}" for level in preview.levels), f"{preview.companies:,}"])
    )
    return section(
        "Risk levels",
        lead(
            f"Each column is a level with version {preview.version}; each row, the level with the champion."
        ),
        table(headings, rows, kind="scroll"),
    )


def _changes(preview: Preview) -> Markup | None:
    if not preview.changes:
        return None
    shown = len(preview.changes)
    which = "The" if shown == preview.changed else f"The {shown} largest of {preview.changed:,}"
    headings = [preview.unit.capitalize(), *preview.ids, "Champion", f"Version {preview.version}", "Why"]
    return section(
        "Companies with another level",
        lead(
            f"{which} changes, the largest difference in probability first. Why: the features whose effects "
            "on the company differ most between the two versions, with the difference in log-odds. "
            f"{common_reason(preview)}"
        ),
        table(headings, [_row(change) for change in preview.changes], text=(*preview.ids, "Why")),
    )


def _row(change: Change) -> Row:
    return Row(
        f"{change.number}",
        [
            *("" if value is None else str(value) for value in change.ids),
            *(
                f"{answer.risk_level}, {percent(answer.probability_bankrupt)}"
                for answer in (change.before, change.after)
            ),
            [element("div", reason_text(reason)) for reason in change.reasons],
        ],
    )


def _errors(preview: Preview) -> Markup | None:
    if not preview.errors:
        return None
    rows = [Row(f"{number}", [problem]) for number, problem in preview.errors[:MOST_ERRORS]]
    total = len(preview.errors)
    return section(
        f"{counted(total, 'company')} without an answer",
        lead(f"The first {MOST_ERRORS}; --json lists all.") if total > MOST_ERRORS else None,
        table([preview.unit.capitalize(), "Problem"], rows, text=("Problem",)),
    )
