"""Renders a preview as a self-contained HTML page, in the style of the model report."""

from __future__ import annotations

from scripts.preview.comparison import Change, Preview, Reason
from scripts.text import counted
from steps.report.markup import Markup, element, join, lead, percent, section
from steps.report.style import STYLE
from steps.report.tables import Row, table

MOST_ERRORS = 100
# Blocks scripts and external resources, even if names in a company file contain markup.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(preview: Preview, file: str) -> str:
    """Return the page.

    Parameters
    ----------
    file
        The name of the company file.
    """
    title = f"Preview of version {preview.version}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", STYLE),
    )
    header = element(
        "header",
        element("p", f"Preview · {file}", class_="eyebrow"),
        element("div", element("h1", title), class_="title"),
        element("p", summary(preview)),
    )
    body = element("body", element("main", header, _levels(preview), _changes(preview), _errors(preview)))
    return join([Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n")])


def summary(preview: Preview) -> str:
    """Return what changes, in two sentences."""
    if not preview.companies:
        return "No company has an answer from both versions."
    order = {level: position for position, level in enumerate(preview.levels)}
    higher = sum(count for (old, new), count in preview.moves.items() if order[new] > order[old])
    lower = preview.changed - higher
    before, after = preview.means
    return (
        f"{counted(preview.changed, 'company')} of {preview.companies:,} would have another "
        f"risk level than with the champion, version {preview.champion}: {higher:,} higher, {lower:,} "
        f"lower. The mean probability of bankruptcy would be {percent(after, 2)} instead of "
        f"{percent(before, 2)}."
    )


def common_reason(preview: Preview) -> str:
    """Return the part of the changes that all companies share, in a sentence."""
    before, after = preview.median_scores
    return f"For all companies, {after - before:+.2f} adds to this: a median company's change."


def reason_text(reason: Reason) -> str:
    """Return a reason in words."""
    return f"{reason.feature} = {reason.value:.6g} ({reason.effect:+.2f})"


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
