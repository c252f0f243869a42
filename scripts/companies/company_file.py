"""The companies that `bankruptcy predict` asks about: a CSV file, a JSON file, or one row of the data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from scripts.companies.columns import problem_of_header
from scripts.text import counted

_LONGEST_QUOTE = 30


class InputError(Exception):
    """The input can't be used; the message says why and what to do."""


class CsvCompanies:
    """The lines of a CSV file with a header, read one by one.

    Parameters
    ----------
    path
        The file: UTF-8, columns in any order, others than the model's are ignored.

    Raises
    ------
    InputError
        If it can't be read or is empty.
    """

    unit = "line"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with self._opened() as text:
            header = self._next(csv.reader(text))
        if header is None:
            raise InputError(f"{path} is empty.")
        self.size = path.stat().st_size
        self.count = 0
        self._header = [heading.strip() for heading in header]
        self._places = {heading: place for place, heading in enumerate(self._header)}
        self._columns = lru_cache(maxsize=4)(self._find_columns)

    @property
    def position(self) -> int:
        """How many of `size` bytes the `count` companies read so far take."""
        return self._file.tell() if self._file is not None and not self._file.closed else self.size

    def check(self, _contract: str, names: Sequence[str]) -> None:
        """Check the header against a contract.

        Raises
        ------
        InputError
            If it lacks columns, or has one more than once.
        """
        problem = problem_of_header(self._header, names)
        if problem:
            raise InputError(f"{self._path} {problem}")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Return each line's number and cells; empty lines are skipped."""
        with self._opened() as text:
            reader = csv.reader(text)
            self._next(reader)
            while (cells := self._next(reader)) is not None:
                if cells:
                    self.count += 1
                    yield reader.line_num, cells

    def instance(self, found: list[str], names: tuple[str, ...]) -> list[float]:
        """Return a line's numbers in the order of `names`.

        Raises
        ------
        ValueError
            If a cell is missing or no finite number.
        """
        numbers = []
        # In a line of another length, such as one with a comma within a number, cells are out of place.
        if len(found) == len(self._header):
            picked = self._columns(names)(found)
            with suppress(ValueError):
                numbers = list(map(float, picked)) if _is_plain("".join(picked)) else []
        if not numbers or not all(map(isfinite, numbers)):
            raise ValueError(self._problem(found, names))
        return numbers

    def _find_columns(self, names: tuple[str, ...]) -> Any:
        places = [self._places[name] for name in names]
        # With one place alone, itemgetter would return the cell rather than a tuple of it.
        return itemgetter(*places) if len(places) > 1 else lambda cells: [cells[places[0]]]

    def _problem(self, cells: list[str], names: tuple[str, ...]) -> str:
        if len(cells) != len(self._header):
            return f"has {counted(len(cells), 'cell')} where the header has {len(self._header)}"
        for name in names:
            cell = cells[self._places[name]].strip()
            if not cell:
                return f"{name!r} is empty"
            if not _is_finite_number(cell):
                quote = cell if len(cell) <= _LONGEST_QUOTE else cell[:_LONGEST_QUOTE] + "…"
                return f"{name!r} is {quote!r}, which is no finite number"
        return "has no numbers"

    def _opened(self) -> TextIO:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise InputError(
                f"{self._path} can't be read ({error.strerror}); give a CSV with a header or a JSON file."
            ) from error
        return io.TextIOWrapper(self._file, encoding="utf-8-sig", newline="")

    def _next(self, reader: Any) -> list[str] | None:
        try:
            return next(reader, None)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self._path} is no text in UTF-8 ({error.reason} after line {reader.line_num}); "
                "export it as CSV."
            ) from error
        except csv.Error as error:
            raise InputError(f"{self._path}, line {reader.line_num}: this is no CSV ({error}).") from error


class ListedCompanies:
    """Companies in memory, each a list of numbers in the model's order or an object of names and numbers.

    Parameters
    ----------
    companies
        The list.
    contract
        Hash of the contract that numbers by position were written for; that of the deployed model if None.
    unit
        What a place in the list is called.
    first
        The place of the first company.
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
        """Check that numbers by position still mean what they meant.

        Raises
        ------
        InputError
            If they were written for another contract.
        """
        by_name = all(isinstance(company, Mapping) and "data" not in company for company in self._companies)
        if self._contract is None or by_name:
            self._contract = contract
        if contract != self._contract:
            raise InputError(
                f"The numbers are in the order of contract {self._contract}; the model that is deployed has "
                f"contract {contract}. Name the numbers, or put them in the order that GET /model lists."
            )

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Return each company's place and the company."""
        for place, company in enumerate(self._companies, start=self._first):
            self.count += 1
            yield place, company

    def instance(self, found: Any, names: tuple[str, ...]) -> Any:
        """Return a company as it stands there; the API says what is wrong with it."""
        if isinstance(found, Mapping) and all(name in found for name in names):
            # A file of all ratios is fine: the model takes those that it wants.
            return {name: found[name] for name in names}
        return found


def read_json(path: Path) -> ListedCompanies:
    """Read companies from a JSON file as POST /predict takes it, with any number of them.

    Raises
    ------
    InputError
        If it can't be read or is no such file.
    """
    try:
        text = path.read_bytes()
        if not text.strip():
            raise InputError(f"{path} is empty.")
        content = json.loads(text)
    except OSError as error:
        raise InputError(
            f"{path} can't be read ({error.strerror}); give a CSV with a header or a JSON file."
        ) from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}.") from error
    match content:
        case list():
            return ListedCompanies(content)
        case {"instances": list(companies)}:
            return ListedCompanies(companies, content.get("contract"))
        case {"data": list(company)} | {"features": dict(company)}:
            return ListedCompanies([company], content.get("contract"))
    raise InputError(
        f"{path} must hold a list of companies, or an object with one of 'instances', 'data' and 'features'."
    )


def _is_finite_number(text: str) -> bool:
    try:
        return isfinite(float(text)) and _is_plain(text)
    except ValueError:
        return False


def _is_plain(text: str) -> bool:
    # float() takes Python's 1_000 and the digits of every script.
    return "_" not in text and text.isascii()
