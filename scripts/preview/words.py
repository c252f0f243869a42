"""The sentences of a preview, which page and terminal share."""

from __future__ import annotations

from scripts.preview.comparison import Preview, Reason
from scripts.text import counted


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
        f"lower. The mean probability of bankruptcy would be {after:.2%} instead of "
        f"{before:.2%}."
    )


def common_reason(preview: Preview) -> str:
    """Return the part of the changes that all companies share, in a sentence."""
    before, after = preview.median_scores
    return (
        f"Besides, every company's log-odds change by {after - before:+.2f}, as those of a median company do."
    )


def reason_text(reason: Reason) -> str:
    """Return a reason in words."""
    return f"{reason.feature} = {reason.value:.6g} ({reason.effect:+.2f})"
