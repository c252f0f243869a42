"""Reads the companies of a CSV file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from inference.numbers import number_problem, numbers
from scripts.companies.company import Company, CompanyFile
from scripts.companies.errors import CompanyFileError
from scripts.companies.ids import default_ids
from scripts.companies.output import check_ids
from steps.dataset.file_format import KNOWN
from steps.tables.header import header_problem, ignored_columns, picker, quoted
from steps.tables.records import BadRecord
from steps.tables.table import Table, open_table


class CsvCompanies(CompanyFile):
    """The records of a CSV file with a header.

    Parameters
    ----------
    path
        A file with its columns in any order; columns that the model does not use are ignored.
    keep
        The columns that identify a company; None for those of `default_ids`.

    Attributes
    ----------
    ids
        The columns that identify a company.
    ignored_columns
        The columns that no model uses, as text.

    Raises
    ------
    CompanyFileError
        If it can't be read, or is empty.
    """

    def __init__(self, path: Path, keep: Sequence[str] | None = None) -> None:
        super().__init__(path)
        with self._table() as table:
            self._header = table.header
        check_ids(keep or ())
        self.ids = default_ids(self._header) if keep is None else tuple(keep)
        self.ignored_columns = ignored_columns(self._header, KNOWN.union(self.ids))
        self._columns = lru_cache(maxsize=4)(self._find_columns)

    def check(self, _contract: str, names: Sequence[str]) -> None:
        """Check the header against a contract.

        Raises
        ------
        CompanyFileError
            If columns are missing or duplicated.
        """
        problem = header_problem(self._header, names, self.ids)
        if problem:
            raise CompanyFileError(f"{self._path} {problem}")

    def __iter__(self) -> Iterator[Company]:
        """Yield the companies."""
        ids_of = self._find_columns(self.ids)
        with self._table() as table:
            for record in table.rows():
                self.count += 1
                if isinstance(record, BadRecord):
                    yield Company(record.line, ("",) * len(self.ids), ValueError(record.problem))
                else:
                    yield Company(record.line, ids_of(record.cells), record.cells)
        if not self.count:
            raise CompanyFileError(f"{self._path} has a header but no rows.")

    def instance(self, cells: list[str], names: tuple[str, ...]) -> list[float]:
        """Return a company's numbers in the order of `names`.

        Raises
        ------
        ValueError
            If a cell is not a number; the message names its column.
        """
        picked = self._columns(names)(cells)
        found = numbers(picked)
        if found is not None:
            return found
        name, cell, problem = next(
            (name, cell.strip(), problem)
            for name, cell in zip(names, picked, strict=True)
            if (problem := number_problem(cell))
        )
        raise ValueError(f"{name!r} {problem}" + (f": {quoted(cell)}" if cell else ""))

    def _find_columns(self, names: tuple[str, ...]) -> Callable[[list[str]], tuple[str, ...]]:
        return picker([self._header.index(name) for name in names])

    @contextmanager
    def _table(self) -> Iterator[Table]:
        with self.open() as raw, open_table(raw, str(self._path)) as table:
            yield table
