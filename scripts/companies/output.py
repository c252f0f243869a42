"""The columns of results, alike for `predict` and `score`, and cells that no spreadsheet executes."""

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
# Spreadsheets take cells that start so for formulas; some also the full-width forms of these characters.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def check_ids(names: Sequence[str]) -> None:
    """Raise a CompanyFileError if a column that the user wants to copy has a name of the result's own."""
    for name in names:
        if name in _RESERVED:
            raise CompanyFileError(
                f"{name!r} can't be kept: the result has a column of that name.",
                "Rename it in the file, or choose another column with --id.",
            )


def reserved(name: str) -> bool:
    """Return whether the result has a column of a name."""
    return name in _RESERVED


def safe_cell(value: Any) -> Any:
    """Return a value as a CSV cell that a spreadsheet shows, but does not execute.

    Text that would be a formula gets an apostrophe in front; numbers stay as they are. Lists, objects, true
    and false of JSON are written as JSON.
    """
    if isinstance(value, bool | dict | list):
        return safe_cell(json.dumps(value, ensure_ascii=False))
    if isinstance(value, str) and value.startswith(_FORMULA) and number_problem(value):
        return f"'{value}"
    return value
