"""Matches a file's header with the model's columns, and words its problems alike for every command."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from operator import itemgetter

from scripts.errors import ScriptError
from scripts.text import counted

_LISTED = 5
_LISTED_NAMES = 10
_LONGEST_NAME = 60
_COMPARED = 1000  # columns that are searched for a similar name
_SEPARATORS = (",", ";", "\t", "|")


class CompanyFileError(ScriptError):
    """A file can't be used as a company file."""

    code = "invalid_company_file"


def header_problem(header: Sequence[str], names: Sequence[str], keep: Sequence[str] = ()) -> str | None:
    """Return what is wrong with a header, as the rest of a sentence about the file; None if it is valid.

    Parameters
    ----------
    header
        The column names in the file's first line, stripped.
    names
        The model's columns.
    keep
        Other columns that the file must have.
    """
    present = set(header)
    missing = [name for name in names if name not in present]
    if missing:
        separator = separator_of(",".join(header))
        if separator != ",":
            return wrong_separator(separator)
        return _missing_columns(header, names, missing)
    for name in (*names, *keep):
        if header.count(name) > 1:
            return f"has more than one column {name!r}; each name must be unique."
        if name not in present:
            return unknown_name(name, header, names)
    return None


def unknown_name(name: str, present: Iterable[str], names: Sequence[str]) -> str:
    """Return the problem that a column is missing, with the file's columns; the model's come last."""
    known = sorted(filter(None, present), key=lambda each: each in names)
    return f"has no column {name!r}; it has {_listed(known, _LISTED_NAMES)}."


def separator_of(header: str) -> str:
    """Return the separator that occurs most often in a header line."""
    return max(_SEPARATORS, key=header.count)


def wrong_separator(separator: str) -> str:
    """Return the problem that the separator is not a comma, as the rest of a sentence about the file."""
    name = "tabs" if separator == "\t" else repr(separator)
    return f"seems to be separated by {name}; use commas."


def picker(indexes: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """Return a function that picks cells by column index; itemgetter returns a tuple only for two or more."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda cells: tuple(cells[index] for index in indexes)


def _missing_columns(header: Sequence[str], names: Sequence[str], missing: list[str]) -> str:
    others = {name.casefold(): name for name in header[:_COMPARED] if name and name not in names}
    listed = []
    for name in missing[:_LISTED]:
        similar = get_close_matches(name.casefold(), others, n=1, cutoff=0.75)
        listed.append(f"{name!r} (the file has {_quoted(others[similar[0]])})" if similar else repr(name))
    count = len(list(filter(None, header)))
    return (
        f"lacks {len(missing)} of the model's {len(names)} columns: {', '.join(listed)}"
        f"{', …' if len(missing) > _LISTED else ''}. The first line must name the columns; it has "
        f"{counted(count, 'column')}."
    )


def _listed(names: list[str], most: int) -> str:
    if not names:
        return "no columns"
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(_quoted, names[:most])) + more


def _quoted(name: str) -> str:
    # repr() escapes control characters and lone surrogates.
    return repr(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…")
