"""Chooses the columns that identify the companies of a file; they are copied to the results."""

from collections.abc import Collection, Sequence

from steps.dataset.columns import FIRM_ID, TARGET


def default_ids(header: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the columns to copy if the user names none: `firm_id`, else the file's first column.

    The target does not count as the first column. A column in `known` (features, names in the result) and a
    column without a name are not copied.
    """
    first = next((name for name in header if name != TARGET), "")
    name = FIRM_ID if FIRM_ID in header else first
    return [name] if name and name not in known and header.count(name) == 1 else []
