"""Chooses the columns that identify the companies of a file; they are copied to the results."""

from collections.abc import Sequence

from scripts.companies.output import reserved
from steps.dataset.columns import FIRM_ID, RATIOS, TARGET


def default_ids(header: Sequence[str], features: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns to copy by default: `firm_id`, or else the file's first column.

    A target in the first place is skipped. Ratios, unnamed columns and columns with a name that the
    result uses are not copied.
    """
    first = next((name for name in header if name != TARGET), "")
    name = FIRM_ID if FIRM_ID in header else first
    is_id = bool(name) and name not in RATIOS and name not in features and not reserved(name)
    return (name,) if is_id and header.count(name) == 1 else ()
