"""What is told when a file's header is not what is needed: every command says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from scripts.text import counted

_LISTED = 5
_LISTED_NAMES = 10
_LONGEST_NAME = 60
_COMPARED = 1000  # columns that are looked through for one with nearly the name
_SEPARATORS = (",", ";", "\t", "|")


def problem_of_header(header: Sequence[str], names: Sequence[str], keep: Sequence[str] = ()) -> str | None:
    """Return what is wrong with a header, as the rest of a sentence about the file; None if nothing is.

    Parameters
    ----------
    header
        The names in the file's first line, without blanks around them.
    names
        What the model takes.
    keep
        What else must be there.
    """
    there = set(header)
    missing = [name for name in names if name not in there]
    if missing:
        separator = separator_of(",".join(header))
        return _lacks(header, names, missing) if separator == "," else looks_separated(separator)
    for name in (*names, *keep):
        if header.count(name) > 1:
            return f"has more than one column {name!r}; name each once."
        if name not in there:
            return no_such_name(name, header, names)
    return None


def no_such_name(name: str, there: Iterable[str], names: Sequence[str]) -> str:
    """Return that a file lacks a name that it was asked for, and which it has; the model's come last."""
    known = sorted(filter(None, there), key=lambda each: each in names)
    return f"has no {name!r}; it has {_listed(known, _LISTED_NAMES)}."


def separator_of(header: str) -> str:
    """Return the usual separator that a header's line has most of."""
    return max(_SEPARATORS, key=header.count)


def looks_separated(separator: str) -> str:
    """Return that a file looks separated by something else than commas, as the rest of a sentence."""
    return f"looks separated by {'tabs' if separator == chr(9) else repr(separator)}; commas are needed."


def _lacks(header: Sequence[str], names: Sequence[str], missing: list[str]) -> str:
    others = {name.casefold(): name for name in header[:_COMPARED] if name and name not in names}
    told = []
    for name in missing[:_LISTED]:
        near = get_close_matches(name.casefold(), others, n=1, cutoff=0.75)
        told.append(f"{name!r} (the file has {_quoted(others[near[0]])})" if near else repr(name))
    count = len(list(filter(None, header)))
    return (
        f"lacks {len(missing)} of the model's {len(names)} columns: {', '.join(told)}"
        f"{', …' if len(missing) > _LISTED else ''}. Its first line, which must name them, has "
        f"{counted(count, 'column')}."
    )


def _listed(names: list[str], most: int) -> str:
    if not names:
        return "no names"
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(_quoted, names[:most])) + more


def _quoted(name: str) -> str:
    # As Python writes it: half a character or a mark of control harms no terminal so.
    return repr(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…")
