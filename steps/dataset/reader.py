"""Reads and checks the raw data file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.numbers import LARGEST, number_problem, numbers
from steps.dataset.arrow import read_numbers
from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.dataset.file_format import EXTENSIONS, KNOWN, NAMES, firm_id_problem
from steps.job import DataError
from steps.tables.header import header_problem, ignored_columns, picker, quoted
from steps.tables.open import CHUNK_BYTES, open_plain
from steps.tables.records import BadRecord, Block, Record
from steps.tables.table import Table, open_table

Floats = NDArray[np.float64]

PROBLEMS_SHOWN = 20


def find_data_file(folder: Path) -> Path:
    """Return the only data file in a folder.

    Raises
    ------
    DataError
        If the folder does not hold exactly one file with one of `EXTENSIONS`.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if len(files) != 1 or not files[0].name.lower().endswith(EXTENSIONS):
        found = ", ".join(p.name for p in files[:PROBLEMS_SHOWN]) or "nothing"
        raise DataError(
            f"The input must be exactly one data file ({', '.join(EXTENSIONS)}), but it holds {found}.",
            "Set InputDataUri to one file, or to a folder that holds only that file.",
        )
    return files[0]


def csv_sha256(path: Path) -> str:
    """Return the sha256 of the CSV in a data file as hex; it does not depend on the compression."""
    digest = hashlib.sha256()
    with path.open("rb") as raw, open_plain(raw, path.name) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def unused_columns(path: Path) -> str:
    """Return the columns of a data file that are ignored, as text; empty if there are none."""
    with _open(path) as table:
        return ignored_columns(table.header, KNOWN)


def read_data(path: Path) -> pd.DataFrame:
    """Read and check a data file.

    Returns
    -------
    DataFrame
        The target (int8), all ratios (float64) and, if the file has it, `firm_id` (text). Columns are in the
        order of `steps.dataset.columns`, whatever their order in the file; other columns are ignored.
        Values are finite and within ±`LARGEST`.

    Raises
    ------
    DataError
        With every problem of the header, and the row and column of every invalid cell.
    """
    with _open(path) as table:
        columns = _Columns(table)
        for block in table.blocks():
            columns.add(block)
    return columns.frame()


@contextmanager
def _open(path: Path) -> Iterator[Table]:
    with path.open("rb") as raw, open_table(raw, f"The data file {path.name}") as table:
        yield table


class _Columns:
    """Collects the columns of a data file, and its problems."""

    def __init__(self, table: Table) -> None:
        self._file = table.name
        self._header = table.header
        ids = [FIRM_ID] if FIRM_ID in table.header else []
        problem = header_problem(table.header, NAMES, ids, of="the")
        self._problems = [f"header: it {problem}"] if problem else []
        if problem := firm_id_problem(table.header):
            self._problems.append(f"header: it {problem}.")
        self._has_ids = bool(ids)
        # With a wrong header, the columns whose names are known are still checked.
        self._names = [*(name for name in NAMES if name in table.header), *ids]
        self._pick = picker([table.header.index(name) for name in self._names])
        self._tables: list[Floats] = []
        self._ids: list[str] = []

    def add(self, block: Block) -> None:
        """Add the rows of a block."""
        if self._problems or not block.text or not self._add_fast(block):
            rows: list[list[float]] = []
            for record in block.records(len(self._header)):
                self._add_record(record, rows)
            if rows and not self._problems:
                self._tables.append(np.array(rows, dtype=np.float64))

    def _add_fast(self, block: Block) -> bool:
        table = read_numbers(block.text, block.lines, self._header, NAMES)
        if table is None or not np.isin(table[:, 0], (0.0, 1.0)).all():
            return False
        if self._has_ids:
            column = self._header.index(FIRM_ID)
            ids = [record.cells[column].strip() for record in block.records() if isinstance(record, Record)]
            if not all(ids):
                return False
            self._ids += ids
        self._tables.append(table)
        return True

    def _add_record(self, record: Record | BadRecord, rows: list[list[float]]) -> None:
        if isinstance(record, BadRecord):
            self._problems.append(f"row {record.line}: {record.problem}")
            return
        cells: Sequence[str] = self._pick(record.cells)
        if self._has_ids:
            *cells, firm = cells
            if not firm.strip():
                self._add_problem(record.line, FIRM_ID, firm, "is empty")
            self._ids.append(firm.strip())
        values = numbers(cells)
        if values and values[0] in (0.0, 1.0):
            rows.append(values)
            return
        for name, cell in zip(self._names, cells, strict=False):
            problem = number_problem(cell)
            if not problem and name == TARGET and float(cell) not in (0.0, 1.0):
                problem = "is neither 0 nor 1"
            if problem:
                self._add_problem(record.line, name, cell, problem)

    def _add_problem(self, line: int, name: str, cell: str, problem: str) -> None:
        self._problems.append(f"row {line}, column {name!r}: {quoted(cell)} {problem}")

    def frame(self) -> pd.DataFrame:
        """Return the table, or raise a `DataError` that lists every problem."""
        if not self._tables and not self._problems:
            self._problems.append("the file has a header but no rows")
        if self._problems:
            raise _invalid_file(self._file, self._problems)
        table = np.concatenate(self._tables)
        frame = pd.DataFrame(table[:, 1:], columns=list(RATIOS))
        frame.insert(0, TARGET, table[:, 0].astype(np.int8))
        return frame.assign(**{FIRM_ID: self._ids}) if self._has_ids else frame


def _invalid_file(name: str, problems: Sequence[str]) -> DataError:
    count = f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}"
    first = f"; the first {PROBLEMS_SHOWN} are" if len(problems) > PROBLEMS_SHOWN else ""
    lines = [f"{name} cannot be used: it has {count}{first}:", *problems[:PROBLEMS_SHOWN]]
    return DataError(
        "\n".join(lines),
        f"Expected: comma-separated values with a header (row 1), {TARGET!r} as 0 or 1, and {len(RATIOS)} "
        f"ratios as finite numbers within ±{LARGEST:g}. Nothing was written.",
    )
