"""The format of a data file: its extensions and columns. Does not import pandas, so commands start fast."""

from __future__ import annotations

from collections.abc import Sequence

from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.tables.header import misspelled, quoted

EXTENSIONS = (".csv", ".csv.gz", ".csv.xz", ".zip")
# The columns that a data file must have, and those that it can have.
NAMES = (TARGET, *RATIOS)
KNOWN = frozenset((*NAMES, FIRM_ID))


def firm_id_problem(header: Sequence[str]) -> str:
    """Return the problem of a misspelled `firm_id`, as the rest of a sentence; empty if there is none.

    Without this check, the file would be split row by row without a warning.
    """
    found = misspelled(FIRM_ID, header)
    if found is None:
        return ""
    return (
        f"has a column {quoted(found)} but no {FIRM_ID!r}; rename it to {FIRM_ID!r} if it identifies firms, "
        "otherwise give it another name"
    )
