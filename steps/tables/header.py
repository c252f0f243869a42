"""Matches a table's header with the required columns, and describes its problems for all callers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import get_close_matches
from operator import itemgetter

_LISTED = 5
_LISTED_NAMES = 10
_LONGEST_NAME = 60
_COMPARED = 1000  # columns that are searched for a similar name
_SEPARATORS = (",", ";", "\t", "|")


def header_problem(
    header: Sequence[str], names: Sequence[str], keep: Sequence[str] = (), *, of: str = "the model's"
) -> str:
    """Return what is wrong with a header, as the rest of a sentence about the file; empty if it is valid.

    Parameters
    ----------
    header
        The names of the file's columns, stripped.
    names
        The required names.
    keep
        Other names that the file must have.
    of
        The owner of the columns `names`, for messages.
    """
    present = set(header)
    missing = [name for name in names if name not in present]
    if missing:
        return form_problem(header) or _missing_columns(header, names, missing, of)
    for name in (*names, *keep):
        if header.count(name) > 1:
            return f"has more than one column {name!r}; each name must be unique."
        if name not in present:
            return unknown_name(name, header, names)
    return ""


def form_problem(header: Sequence[str]) -> str:
    """Return the format that a header seems to have instead of CSV, as the rest of a sentence; else empty."""
    separator = max(_SEPARATORS, key=",".join(header).count)
    if separator != ",":
        named = "tabs" if separator == "\t" else repr(separator)
        return f"seems to be separated by {named}; use commas."
    if header[0].startswith(("{", "[")):
        return "seems to be JSON; rename it to end in .json or .jsonl."
    return ""


def unknown_name(name: str, present: Iterable[str], names: Collection[str]) -> str:
    """Describe a missing column and list the file's columns; those in `names` come last."""
    known = sorted(filter(None, present), key=lambda each: each in names)
    return f"has no column {name!r}; it has {listed(known, _LISTED_NAMES)}."


def ignored_columns(header: Sequence[str], known: Collection[str]) -> str:
    """Return the unused columns as text; empty if there are none.

    An unnamed last column comes from lines that end in a comma, an unnamed first one from an index.
    """
    extra = [name or "(unnamed)" for name in header if name not in known]
    return listed(extra, _LISTED_NAMES) if extra else ""


def picker(indexes: Sequence[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """Return a function that picks cells by column index; itemgetter returns a tuple only for two or more."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda cells: tuple(cells[index] for index in indexes)


def near_name(name: str, others: Iterable[str]) -> str | None:
    """Return the most similar name, ignoring case, spaces and punctuation; None if none is similar."""
    by_form = {_plain(other): other for other in others}
    near = get_close_matches(_plain(name), by_form, n=1, cutoff=0.75)
    return by_form[near[0]] if near else None


def misspelled(name: str, header: Sequence[str]) -> str | None:
    """Return the column that equals a missing name apart from case, spaces and signs, if there is one."""
    if name in header:
        return None
    return next((other for other in header if _letters(other) == _letters(name)), None)


def listed(names: Sequence[str], most: int) -> str:
    """Return up to `most` names as a list for a message."""
    if not names:
        return "no columns"
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(quoted, names[:most])) + more


def quoted(name: str) -> str:
    """Return a name or cell, shortened and quoted for a message."""
    # repr() escapes control characters and lone surrogates.
    return repr(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…")


def _missing_columns(header: Sequence[str], names: Sequence[str], missing: Sequence[str], of: str) -> str:
    others = [name for name in header[:_COMPARED] if name and name not in names]
    found = []
    for name in missing[:_LISTED]:
        near = near_name(name, others)
        found.append(f"{name!r} (the file has {quoted(near)})" if near else repr(name))
    count = len(list(filter(None, header)))
    return (
        f"lacks {len(missing)} of {of} {len(names)} columns: {', '.join(found)}"
        f"{', …' if len(missing) > _LISTED else ''}. The first line must name the columns; it has "
        f"{count:,} column{'' if count == 1 else 's'}."
    )


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", name[:200].casefold()).split()) or name


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
