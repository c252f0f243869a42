"""Reads the companies for `bankruptcy predict` from a CSV file, a JSON file, or memory."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from scripts.companies.header import CompanyFileError, header_problem, picker
from scripts.companies.numbers import is_plain, number_problem
from scripts.text import counted

_LONGEST_QUOTE = 30
_EXPECTED = "Give a CSV file with a header, or a JSON file."


class CsvCompanies:
    """The lines of a CSV file with a header, read one at a time.

    Parameters
    ----------
    path
        A UTF-8 file with its columns in any order; columns that the model does not use are ignored.

    Raises
    ------
    CompanyFileError
        If it can't be read, or is empty.
    """

    unit = "line"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with self._open() as text:
            header = self._next(csv.reader(text))
        if header is None:
            raise CompanyFileError(f"{path} is empty.")
        self.size = path.stat().st_size
        self.count = 0
        self._header = [name.strip() for name in header]
        self._column_index = {name: index for index, name in enumerate(self._header)}
        self._columns = lru_cache(maxsize=4)(self._find_columns)

    @property
    def position(self) -> int:
        """How many of the file's `size` bytes have been read, for `count` companies."""
        return self._file.tell() if self._file is not None and not self._file.closed else self.size

    def check(self, _contract: str, names: Sequence[str]) -> None:
        """Check the header against a contract.

        Raises
        ------
        CompanyFileError
            If columns are missing or duplicated.
        """
        problem = header_problem(self._header, names)
        if problem:
            raise CompanyFileError(f"{self._path} {problem}")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line number and cells of each line that is not empty."""
        with self._open() as text:
            reader = csv.reader(text)
            self._next(reader)
            while (cells := self._next(reader)) is not None:
                if cells:
                    self.count += 1
                    yield reader.line_num, cells

    def instance(self, cells: list[str], names: tuple[str, ...]) -> list[float]:
        """Return a line's numbers in the order of `names`.

        Raises
        ------
        ValueError
            If a cell is missing or is not a finite number; the message says which.
        """
        numbers = []
        # In a line of another length, cells may have moved: a decimal comma splits a number in two.
        if len(cells) == len(self._header):
            picked = self._columns(names)(cells)
            with suppress(ValueError):
                numbers = list(map(float, picked)) if is_plain("".join(picked)) else []
        if not numbers or not all(map(isfinite, numbers)):
            raise ValueError(self._problem(cells, names))
        return numbers

    def _find_columns(self, names: tuple[str, ...]) -> Callable[[list[str]], tuple[str, ...]]:
        return picker([self._column_index[name] for name in names])

    def _problem(self, cells: list[str], names: tuple[str, ...]) -> str:
        if len(cells) != len(self._header):
            return f"has {counted(len(cells), 'cell')} instead of {len(self._header)}"
        for name in names:
            cell = cells[self._column_index[name]].strip()
            if problem := number_problem(cell):
                quote = cell if len(cell) <= _LONGEST_QUOTE else cell[:_LONGEST_QUOTE] + "…"
                return f"{name!r} {problem}" + (f": {quote!r}" if cell else "")
        return "has no numbers"

    def _open(self) -> TextIO:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise CompanyFileError(f"{self._path} can't be read ({error.strerror}).", _EXPECTED) from error
        return io.TextIOWrapper(self._file, encoding="utf-8-sig", newline="")

    def _next(self, reader: Any) -> list[str] | None:
        try:
            return next(reader, None)
        except UnicodeDecodeError as error:
            raise CompanyFileError(
                f"{self._path} is not UTF-8 text ({error.reason} after line {reader.line_num}).",
                "Export it as CSV.",
            ) from error
        except csv.Error as error:
            raise CompanyFileError(f"{self._path}, line {reader.line_num}: invalid CSV ({error}).") from error


class ListedCompanies:
    """Companies in memory: each is a list of numbers in the model's order, or a mapping of names to numbers.

    Parameters
    ----------
    companies
        The companies.
    contract
        Hash of the contract that lists of numbers were written for; None for the champion's.
    unit
        What a company's number counts, such as ``row``.
    first
        The number of the first company.
    """

    def __init__(
        self, companies: Sequence[Any], contract: str | None = None, *, unit: str = "company", first: int = 0
    ) -> None:
        self._companies = companies
        self._contract = contract
        self._first = first
        self.unit = unit
        self.size = len(companies)
        self.count = 0

    @property
    def position(self) -> int:
        """How many of `size` companies have been read."""
        return self.count

    def check(self, contract: str, _names: Sequence[str]) -> None:
        """Check that lists of numbers were written for the contract in service.

        Raises
        ------
        CompanyFileError
            If they were written for another contract.
        """
        by_name = all(isinstance(company, Mapping) and "data" not in company for company in self._companies)
        if self._contract is None or by_name:
            self._contract = contract
        if contract != self._contract:
            raise CompanyFileError(
                f"The numbers are in the order of contract {self._contract}, but the champion has contract "
                f"{contract}.",
                "Give the numbers with their names, or in the order that GET /model lists.",
            )

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yield each company with its number."""
        for number, company in enumerate(self._companies, start=self._first):
            self.count += 1
            yield number, company

    def instance(self, company: Any, names: tuple[str, ...]) -> Any:
        """Return a company as the API takes it; the API validates it."""
        if isinstance(company, Mapping) and all(name in company for name in names):
            # The company may have ratios that the model does not use.
            return {name: company[name] for name in names}
        return company


# Where companies come from.
Companies = CsvCompanies | ListedCompanies


def read_json(path: Path) -> ListedCompanies:
    """Read companies from a JSON file in the form of POST /predict, without its limit on their number.

    Raises
    ------
    CompanyFileError
        If it can't be read, or has another form.
    """
    try:
        text = path.read_bytes()
        if not text.strip():
            raise CompanyFileError(f"{path} is empty.")
        content = json.loads(text)
    except OSError as error:
        raise CompanyFileError(f"{path} can't be read ({error.strerror}).", _EXPECTED) from error
    except ValueError as error:
        raise CompanyFileError(f"{path} is not JSON: {error}.") from error
    match content:
        case list():
            return ListedCompanies(content)
        case {"instances": list(companies)}:
            return ListedCompanies(companies, content.get("contract"))
        case {"data": list(company)} | {"features": dict(company)}:
            return ListedCompanies([company], content.get("contract"))
    raise CompanyFileError(
        f"{path} must contain a list of companies, or an object with 'instances', 'data' or 'features'."
    )
