"""The columns of the results of `predict` and `score`, and cells that are safe in spreadsheets."""

import json
from collections.abc import Sequence
from typing import Any

from inference.numbers import number_problem
from scripts.companies.errors import CompanyFileError

# The columns after the line number and the copied columns.
RESULT = ("prediction", "probability_bankrupt", "risk_level", "model_version", "error")
# The last column of `score --base-rate`.
AT_BASE_RATE = "probability_at_base_rate"
LINE = "line"
_RESERVED = (LINE, "row", "position", *RESULT, AT_BASE_RATE, "explanation", "probability", "confidence")
# Spreadsheets execute cells that start like this as formulas; some also accept the full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def check_ids(names: Sequence[str]) -> None:
    """Raise a CompanyFileError if a column to copy has the name of a column of the result."""
    for name in names:
        if name in _RESERVED:
            raise CompanyFileError(
                f"{name!r} can't be copied: the result has a column with that name.",
                "Rename it in the file, or choose another column with --id.",
            )


def reserved(name: str) -> bool:
    """Return whether the result has a column of a name."""
    return name in _RESERVED


def safe_cell(value: Any) -> Any:
    """Return a value as a CSV cell that a spreadsheet does not execute.

    Text that would be a formula is prefixed with an apostrophe; numbers are not changed. JSON lists, objects,
    true and false are written as JSON.
    """
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) and number_problem(value) else value
    if isinstance(value, bool | dict | list):
        return safe_cell(json.dumps(value, ensure_ascii=False))
    return value
