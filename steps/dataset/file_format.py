"""The form of a data file: how its name ends and which columns it has. Commands import it without pandas."""

from __future__ import annotations

from collections.abc import Sequence

from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.tables.header import misspelled, quoted

EXTENSIONS = (".csv", ".csv.gz", ".csv.xz", ".zip")
# The columns that a data file must have, and those that it can have.
NAMES = (TARGET, *RATIOS)
KNOWN = frozenset((*NAMES, FIRM_ID))


def firm_id_problem(header: Sequence[str]) -> str:
    """Return the problem that `firm_id` has another spelling; empty if there is none.

    Without its firms, a file would be split row by row, and nobody would notice.
    """
    found = misspelled(FIRM_ID, header)
    if found is None:
        return ""
    return (
        f"has no column {FIRM_ID!r} but {quoted(found)}; name it {FIRM_ID!r} if it says which rows are of "
        "one firm, else rename it"
    )
