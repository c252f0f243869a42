"""Reads a portfolio, a company file that may be larger than memory, and finds its bad lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, NamedTuple

import numpy as np

from inference.numbers import number_problem, value_problem
from scripts.companies.errors import CompanyFileError, table_errors
from scripts.companies.forms import Form, form_of
from scripts.companies.ids import default_ids
from scripts.companies.json_companies import json_ids, json_ignored_columns, parsed
from scripts.companies.json_forms import id_values, json_lines, ratios
from scripts.companies.output import check_ids
from scripts.score.units import Floats, UnitCheck
from scripts.text import counted
from steps.dataset.arrow import read_numbers
from steps.dataset.file_format import KNOWN
from steps.tables.header import header_problem, ignored_columns, picker, quoted
from steps.tables.open import open_plain, read_utf8
from steps.tables.records import BadRecord, Block, Record
from steps.tables.table import Table

_KINDS = {bool: "true or false", str: "text", list: "a list"}


class Company(NamedTuple):
    """A company that can be scored.

    Attributes
    ----------
    line
        The number of its first line, from 1; the header of a CSV file is line 1.
    numbers
        The model's features in its order, as CSV cells.
    kept
        The values to keep next to the result.
    """

    line: int
    numbers: str
    kept: tuple[Any, ...]


class BadLine(NamedTuple):
    """A line that can't be scored: its line number, the first wrong column, and the problem."""

    line: int
    column: str
    problem: str


Row = Company | BadLine


@dataclass(frozen=True)
class Portfolio:
    """The lines of a portfolio.

    Attributes
    ----------
    kept
        The names of the values that are kept next to the result.
    ignored_columns
        The columns that no model uses, as text; in JSON Lines, those of the first line.
    rows
        The lines; they are read while the portfolio is open.
    """

    kept: tuple[str, ...]
    ignored_columns: str
    rows: Iterator[Row]


@contextmanager
def open_portfolio(
    raw: IO[bytes],
    name: str,
    features: Sequence[str],
    keep: Sequence[str] | None,
    units: UnitCheck | None = None,
) -> Iterator[Portfolio]:
    """Open a portfolio.

    Parameters
    ----------
    raw
        The file: CSV with a header and the columns in any order; or JSON Lines, one object of names and
        values per line, whose ratios may also be in an object `features`.
    name
        The file's name; its extension is the format.
    features
        The names of the model's features in its order.
    keep
        Names of values to keep next to the result; None for those of `default_ids`.
    units
        Checks the companies while they are read.

    Raises
    ------
    CompanyFileError
        If the file is damaged or empty, or its header lacks columns.
    """
    form = form_of(name)
    check_ids(keep or ())
    units = units or UnitCheck(())
    with table_errors(), open_plain(raw, name, f".{form}") as plain:
        pieces = read_utf8(plain)
        if form is Form.CSV:
            yield _read_csv(Table(pieces, f"The portfolio {name}"), features, keep, units)
        else:
            yield _read_lines(json_lines(pieces, name), features, keep, units, name)


def _read_csv(
    table: Table, features: Sequence[str], keep: Sequence[str] | None, units: UnitCheck
) -> Portfolio:
    kept = default_ids(table.header, features) if keep is None else tuple(keep)
    if problem := header_problem(table.header, features, kept):
        raise CompanyFileError(f"{table.name} {problem}")
    reader = _BlockReader(table.header, features, kept, units)

    def rows() -> Iterator[Row]:
        is_empty = True
        for block in table.blocks():
            for row in reader.rows(block):
                is_empty = False
                yield row
        if is_empty:
            raise CompanyFileError(f"{table.name} has a header but no rows.")

    return Portfolio(kept, ignored_columns(table.header, KNOWN.union(features, kept)), rows())


class _BlockReader:
    """Reads the blocks of a CSV portfolio."""

    def __init__(
        self, header: Sequence[str], features: Sequence[str], kept: Sequence[str], units: UnitCheck
    ) -> None:
        self._units = units
        self._width = len(header)
        self._features = features
        self._features_of = picker([header.index(name) for name in features])
        self._kept_of = picker([header.index(name) for name in kept])

    def rows(self, block: Block) -> Iterator[Row]:
        """Yield the rows of a block."""
        # Most blocks are valid, and checking a whole block is much faster than checking each cell.
        rows = [self._row(record) for record in block.records(self._width)]
        companies = [row for row in rows if isinstance(row, Company)]
        numbers = self._numbers([company.numbers for company in companies])
        if numbers is None:
            rows = [self._checked(record) for record in block.records(self._width)]
            companies = [row for row in rows if isinstance(row, Company)]
            numbers = np.array([company.numbers.split(",") for company in companies], dtype=float)
        if companies:
            self._units.add([company.line for company in companies], numbers)
        yield from rows

    def _row(self, record: Record | BadRecord) -> Row:
        if isinstance(record, BadRecord):
            return BadLine(record.line, "", record.problem)
        line, cells = record
        return Company(line, ",".join(self._features_of(cells)), self._kept_of(cells))

    def _numbers(self, lines: Sequence[str]) -> Floats | None:
        """Return companies as numbers; None if their cells must be checked one by one."""
        text = "\n".join(lines)
        # A cell in quotation marks can have a line break, which would end a line of the job's input.
        if not lines or "\r" in text or text.count("\n") >= len(lines):
            return None
        return read_numbers(text.encode(), len(lines), self._features, self._features)

    def _checked(self, record: Record | BadRecord) -> Row:
        if isinstance(record, BadRecord):
            return BadLine(record.line, "", record.problem)
        cells = self._features_of(record.cells)
        problems = [
            (name, f"{problem}: {quoted(cell)}" if cell.strip() else problem)
            for name, cell in zip(self._features, cells, strict=True)
            if (problem := number_problem(cell))
        ]
        good = Company(record.line, ",".join(map(str.strip, cells)), self._kept_of(record.cells))
        return _bad_line(record.line, problems) or good


def _bad_line(line: int, problems: Sequence[tuple[str, str]]) -> BadLine | None:
    if not problems:
        return None
    (name, problem), count = problems[0], len(problems) - 1
    more = f" (and {counted(count, 'more column')} {'is' if count == 1 else 'are'} wrong)" if count else ""
    return BadLine(line, name, problem + more)


def _read_lines(
    lines: Iterator[tuple[int, bytes]],
    features: Sequence[str],
    keep: Sequence[str] | None,
    units: UnitCheck,
    name: str,
) -> Portfolio:
    first = next(lines, None)
    if first is None:
        raise CompanyFileError(f"The portfolio {name} is empty.")
    company = parsed(first[1])
    if keep is None and not (isinstance(company, dict) and company):
        raise CompanyFileError(
            f"The first line of the portfolio {name} is not a JSON object of names and values, such as "
            '{"id": "A-17", "Debt ratio %": 0.4, …}.'
        )
    kept = json_ids(company, keep, features)

    def rows() -> Iterator[Row]:
        for number, line in chain([first], lines):
            yield _json_row(number, line, features, kept, units)

    return Portfolio(kept, json_ignored_columns(company, (*features, *kept)), rows())


def _json_row(
    number: int, line: bytes, features: Sequence[str], kept: Sequence[str], units: UnitCheck
) -> Row:
    company = parsed(line)
    try:
        if isinstance(company, ValueError):
            raise company
        if not isinstance(company, dict):
            return BadLine(number, "", "is not a JSON object of names and values")
        ids = id_values(company, kept)
        values = ratios(company, features, kept)
    except ValueError as error:
        return BadLine(number, "", str(error))
    problems = [(name, problem) for name, value in values.items() if (problem := _value_problem(value))]
    if bad := _bad_line(number, problems):
        return bad
    units.add([number], np.array([list(values.values())], dtype=float))
    return Company(number, ",".join(map(repr, values.values())), ids)


def _value_problem(value: Any) -> str:
    """Return what is wrong with a JSON value; numbers follow the same rule as those of a CSV file."""
    if value is None:
        return "is empty"
    if type(value) not in (int, float):
        return f"is not a number: it is {_KINDS.get(type(value), 'an object')}"
    try:
        return value_problem(float(value))
    except OverflowError:
        return "is not a finite number"
