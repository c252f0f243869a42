"""Reads the companies for `bankruptcy predict` from a CSV, JSON or JSON Lines file, or from memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from inference.numbers import number_problem, numbers
from scripts.companies.errors import CompanyFileError, table_errors
from scripts.companies.forms import Form, find_form
from scripts.companies.ids import default_ids
from scripts.companies.json_companies import (
    companies_of,
    id_values,
    json_lines,
    parse,
    ratios,
    require_writable,
    within,
)
from scripts.companies.output import LINE, check_ids
from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.tables.header import header_problem, passed_over, picker, quoted, unknown_name
from steps.tables.open import open_plain, read_utf8
from steps.tables.records import BadRecord
from steps.tables.table import Table, open_table

# The columns of a data file; nothing needs to be said about those that a model does not use.
KNOWN = frozenset((TARGET, FIRM_ID, *RATIOS))


class Company(NamedTuple):
    """A company of a file.

    Attributes
    ----------
    number
        Its first line in a CSV or JSON Lines file, its position in a JSON list, or the row of a data file.
    ids
        The values that identify it.
    content
        What the file says of it; a `ValueError` if that can't be read.
    """

    number: int
    ids: tuple[Any, ...]
    content: Any


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise CompanyFileError(
            f"{path} can't be read ({error.strerror}).", "Give a CSV, JSON or JSON Lines file."
        ) from error
    with raw, table_errors():
        yield raw


class _File:
    """A file that is read one company at a time."""

    unit = LINE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: BinaryIO | None = None
        self.size = path.stat().st_size if path.is_file() else 0
        self.count = 0
        self.ids: tuple[str, ...] = ()
        self.passed_over = ""

    @property
    def position(self) -> int:
        """How many of the file's `size` bytes have been read, for `count` companies."""
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self.size

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with _opened(self._path) as self._raw:
            yield self._raw


class CsvCompanies(_File):
    """The records of a CSV file with a header.

    Parameters
    ----------
    path
        A file with its columns in any order; columns that the model does not use are passed over.
    keep
        The columns that identify a company; None for those of `default_ids`.

    Attributes
    ----------
    ids
        The columns that identify a company.
    passed_over
        The columns that are used by no model, as text.

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
        self.passed_over = passed_over(self._header, KNOWN.union(self.ids))
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
            If a cell is not a number; the message says which.
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
        with self._open() as raw, open_table(raw, str(self._path)) as table:
            yield table


class _JsonCompanies:
    """What JSON and JSON Lines have in common: companies by name or by position."""

    ids: tuple[str, ...] = ()
    passed_over = ""

    def __init__(self, contract: str | None) -> None:
        self._contract = contract

    def check(self, contract: str, _names: Sequence[str]) -> None:
        """Check that lists of numbers were written for the contract in service.

        Raises
        ------
        CompanyFileError
            If they were written for another contract.
        """
        if self._contract is None:
            self._contract = contract
        if contract != self._contract and self._has_positions():
            raise CompanyFileError(
                f"The numbers are in the order of contract {self._contract}, but the champion has contract "
                f"{contract}.",
                "Give the numbers with their names, or in the order that GET /model lists.",
            )

    def _has_positions(self) -> bool:
        """Return whether companies may be lists of numbers."""
        return True

    def instance(self, company: Any, names: tuple[str, ...]) -> Any:
        """Return a company as the API takes it; the API validates its numbers.

        Raises
        ------
        ValueError
            If a name is missing, unknown or given more than once.
        """
        if not isinstance(company, dict):
            return company
        if "data" in company and "data" not in names:
            return within(company, "data", self.ids)
        return ratios(company, names, self.ids)

    def _company(self, number: int, content: Any) -> Company:
        try:
            return Company(number, id_values(content, self.ids), content)
        except ValueError as error:
            return Company(number, (None,) * len(self.ids), error)


class ListedCompanies(_JsonCompanies):
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
    keep
        The names of the values that identify a company; None for those of `default_ids`.
    """

    def __init__(
        self,
        companies: Sequence[Any],
        contract: str | None = None,
        *,
        unit: str = "position",
        first: int = 0,
        keep: Sequence[str] | None = None,
    ) -> None:
        super().__init__(contract)
        self._companies = companies
        self._first = first
        self.unit = unit
        self.size = len(companies)
        self.count = 0
        self.ids = json_ids(companies[0], keep) if companies else ()

    @property
    def position(self) -> int:
        """How many of `size` companies have been read."""
        return self.count

    def _has_positions(self) -> bool:
        return not all(isinstance(company, dict) and "data" not in company for company in self._companies)

    def __iter__(self) -> Iterator[Company]:
        """Yield the companies."""
        for number, company in enumerate(self._companies, start=self._first):
            self.count += 1
            yield self._company(number, company)


class LinesCompanies(_JsonCompanies, _File):
    """The lines of a JSON Lines file; each is a company as in a list of JSON.

    Parameters
    ----------
    path
        The file.
    keep
        The names of the values that identify a company; None for those of `default_ids`.

    Raises
    ------
    CompanyFileError
        If it can't be read, or is empty.
    """

    def __init__(self, path: Path, keep: Sequence[str] | None = None) -> None:
        _File.__init__(self, path)
        _JsonCompanies.__init__(self, None)
        with self._lines() as lines:
            first = next(lines, None)
        if first is None:
            raise CompanyFileError(f"{path} is empty.")
        self.ids = json_ids(parsed(first[1]), keep)

    def __iter__(self) -> Iterator[Company]:
        """Yield the companies."""
        with self._lines() as lines:
            for number, line in lines:
                self.count += 1
                content = parsed(line)
                is_bad = isinstance(content, ValueError)
                yield (
                    Company(number, (None,) * len(self.ids), content)
                    if is_bad
                    else self._company(number, content)
                )

    @contextmanager
    def _lines(self) -> Iterator[Iterator[tuple[int, bytes]]]:
        with self._open() as raw, open_plain(raw, str(self._path), ".jsonl") as plain:
            yield json_lines(read_utf8(plain), str(self._path))


# Where companies come from.
Companies = CsvCompanies | ListedCompanies | LinesCompanies


def read_companies(path: Path, keep: Sequence[str] | None = None) -> Companies:
    """Return the companies of a file; its name tells JSON (.json), JSON Lines (.jsonl) and CSV apart.

    Raises
    ------
    CompanyFileError
        If it can't be read, or has another form.
    """
    match find_form(path.name):
        case Form.JSON:
            return read_json(path, keep)
        case Form.LINES:
            return LinesCompanies(path, keep)
    return CsvCompanies(path, keep)


def read_json(path: Path, keep: Sequence[str] | None = None) -> ListedCompanies:
    """Read companies from a JSON file in the form of POST /predict, without its limit on their number.

    Raises
    ------
    CompanyFileError
        If it can't be read, or has another form.
    """
    with _opened(path) as raw, open_plain(raw, str(path), ".json") as plain:
        text = b"".join(read_utf8(plain))
    if not text.strip():
        raise CompanyFileError(f"{path} is empty.")
    try:
        document = parse(text)
    except ValueError as error:
        raise CompanyFileError(f"{path} is not JSON: {error}.") from error
    companies, contract = companies_of(document, str(path))
    if not companies:
        raise CompanyFileError(f"{path} has no companies.")
    return ListedCompanies(companies, contract, keep=keep)


def json_ids(company: Any, keep: Sequence[str] | None, features: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the values to copy: those in `keep`, or those of `default_ids`.

    Raises
    ------
    CompanyFileError
        If the first company lacks a name in `keep`, or a name can't be written to a result.
    """
    check_ids(keep or ())
    if not isinstance(company, dict):
        return tuple(keep or ())
    names = [name.strip() for name in company if name not in ("data", "features")]
    for name in keep or ():
        if name not in names:
            raise CompanyFileError(f"The first company {unknown_name(name, names, features or RATIOS)}")
    ids = default_ids(names, features) if keep is None else tuple(keep)
    try:
        require_writable(ids)
    except ValueError as error:
        raise CompanyFileError(f"The name {ids[0]!r} {error}.") from error
    return ids


def parsed(line: bytes) -> Any:
    """Return a line's JSON, or the ValueError that says what is wrong with it."""
    try:
        return parse(line)
    except ValueError as error:
        return ValueError(f"is not JSON: {error}")
