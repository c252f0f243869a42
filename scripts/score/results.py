"""Writes the results of a portfolio as CSV or JSON Lines."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from scripts.companies.forms import Form
from scripts.companies.output import LINE, RESULT, safe_cell


def errors_location(target: str) -> str:
    """Return the location of the list of bad lines, next to the result."""
    return f"{target[: target.rindex('.')]}.errors.csv"


def open_for_writing(path: Path) -> TextIO:
    """Open a file for writing UTF-8 text."""
    return path.open("w", encoding="utf-8", newline="")


def result_writer(
    form: Form, target: TextIO, kept: Sequence[str], version: str, more: Sequence[str] = ()
) -> Callable[[Sequence[Any], Sequence[str], Sequence[float]], None]:
    """Return a function that writes one result.

    Parameters
    ----------
    kept
        Names of the values that are kept next to the result.
    version
        The version that scored the portfolio.
    more
        Names of further numbers, after all others.

    Returns
    -------
    callable
        Takes the line number with the kept values, the prediction, probability and risk level as text, and
        the further numbers.
    """
    names = [LINE, *kept]
    if form is Form.CSV:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*map(safe_cell, names), *RESULT, *more])
        return lambda values, cells, numbers: writer.writerow(
            [*map(safe_cell, values), *cells, version, "", *numbers]
        )

    def write(values: Sequence[Any], cells: Sequence[str], numbers: Sequence[float]) -> None:
        prediction, probability, level = cells
        figures = (int(float(prediction)), float(probability), level, version)
        row = dict(zip(names, values, strict=True)) | dict(zip(RESULT, figures, strict=False))
        row |= dict(zip(more, numbers, strict=True))
        target.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write
