"""Writes the results of a portfolio as CSV or JSON Lines."""

import csv
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from scripts.companies.header import CompanyFileError

# The columns of a result: the line number, the kept values, and these.
LINE = "line"
RESULT = ("prediction", "probability_bankrupt", "risk_level")


class Form(StrEnum):
    """The format of a portfolio or a result."""

    CSV = "csv"
    LINES = "jsonl"


def form_of(name: str) -> Form:
    """Return the format that a file's name ends in.

    Raises
    ------
    CompanyFileError
        If the name has another ending.
    """
    plain = name.lower().removesuffix(".gz")
    for form in Form:
        if plain.endswith(f".{form}"):
            return form
    raise CompanyFileError(f"{name} must end in .csv or .jsonl, or in one of them with .gz.")


def errors_location(target: str) -> str:
    """Return the location of the list of bad lines, next to the result."""
    return f"{target[: target.rindex('.')]}.errors.csv"


def open_for_writing(path: Path) -> TextIO:
    """Open a file for writing UTF-8 text; bytes of the portfolio that are not UTF-8 are written unchanged."""
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")


def result_writer(
    form: Form, target: TextIO, kept: Sequence[str]
) -> Callable[[Sequence[Any], Sequence[str]], None]:
    """Return a function that writes one result.

    Parameters
    ----------
    kept
        Names of the values that are kept next to the result.

    Returns
    -------
    callable
        Takes the line number with the kept values, and the text of each column in `RESULT`.
    """
    names = [LINE, *kept]
    if form is Form.CSV:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*names, *RESULT])
        return lambda values, cells: writer.writerow([*map(_as_cell, values), *cells])

    def write(values: Sequence[Any], cells: Sequence[str]) -> None:
        prediction, probability, level = cells
        result = zip(RESULT, (int(float(prediction)), float(probability), level), strict=True)
        row = dict(zip(names, values, strict=True)) | dict(result)
        target.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _as_cell(value: Any) -> Any:
    """Return a value of JSON Lines as a CSV cell: text and numbers as they are, the rest as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | dict | list) else value
