"""Reads the companies of a JSON or JSON Lines file, or of a list in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.companies.company import Company, CompanyFile, opened
from scripts.companies.errors import CompanyFileError
from scripts.companies.ids import default_ids
from scripts.companies.json_forms import (
    companies_of,
    id_values,
    json_lines,
    parse,
    ratios,
    require_writable,
    within,
)
from scripts.companies.output import check_ids
from steps.dataset.columns import RATIOS
from steps.dataset.file_format import KNOWN
from steps.tables.header import ignored_columns, unknown_name
from steps.tables.open import open_plain, read_utf8


class _JsonCompanies:
    """The base of JSON and JSON Lines: companies by name or by position."""

    ids: tuple[str, ...] = ()
    ignored_columns = ""

    def __init__(self, contract: str | None) -> None:
        self._contract = contract

    def check(self, contract: str, _names: Sequence[str]) -> None:
        """Check that lists of numbers were written for a contract: that of the file, or of the first check.

        Raises
        ------
        CompanyFileError
            If they were written for another contract.
        """
        if self._contract is None:
            self._contract = contract
        if contract != self._contract and self._has_positions():
            raise CompanyFileError(
                f"The numbers are in the order of contract {self._contract}, but the model has contract "
                f"{contract}.",
                "Give the numbers with their names, or in the order that GET /model lists.",
            )

    def _has_positions(self) -> bool:
        """Return whether any company is a list of numbers."""
        raise NotImplementedError

    def instance(self, company: Any, names: tuple[str, ...]) -> Any:
        """Return a company in the form of the API, which validates its numbers.

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
        The unit of a company's number, such as ``row``.
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
        self.ignored_columns = json_ignored_columns(companies[0], self.ids) if companies else ""

    @property
    def position(self) -> int:
        """How many of `size` companies have been read."""
        return self.count

    def _has_positions(self) -> bool:
        return any(map(_is_by_position, self._companies))

    def __iter__(self) -> Iterator[Company]:
        """Yield the companies."""
        for number, company in enumerate(self._companies, start=self._first):
            self.count += 1
            yield self._company(number, company)


class LinesCompanies(_JsonCompanies, CompanyFile):
    """The lines of a JSON Lines file; each is a company, as in a JSON list.

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
        CompanyFile.__init__(self, path)
        _JsonCompanies.__init__(self, None)
        with self._lines() as lines:
            first = next(lines, None)
        if first is None:
            raise CompanyFileError(f"{path} is empty.")
        company = parsed(first[1])
        self.ids = json_ids(company, keep)
        self.ignored_columns = json_ignored_columns(company, self.ids)

    def _has_positions(self) -> bool:
        # Another reader, because this one shows the progress of its own iteration.
        return any(_is_by_position(company.content) for company in LinesCompanies(self._path))

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
        with self.open() as raw, open_plain(raw, str(self._path), ".jsonl") as plain:
            yield json_lines(read_utf8(plain), str(self._path))


def read_json(path: Path, keep: Sequence[str] | None = None) -> ListedCompanies:
    """Read companies from a JSON file in the form of POST /predict, without a limit on their number.

    Raises
    ------
    CompanyFileError
        If it can't be read, or has another form.
    """
    with opened(path) as raw, open_plain(raw, str(path), ".json") as plain:
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


def json_ignored_columns(company: Any, used: Sequence[str]) -> str:
    """Return the names of a company that no model uses, as text; empty if there are none.

    Names next to `data` or `features` and unknown names in `features` are not ignored; they are errors.
    """
    if not isinstance(company, dict) or not company.keys().isdisjoint(("data", "features")):
        return ""
    return ignored_columns([name.strip() for name in company], KNOWN.union(used))


def _is_by_position(company: Any) -> bool:
    return isinstance(company, list) or (isinstance(company, dict) and "data" in company)


def parsed(line: bytes) -> Any:
    """Return a line's JSON value, or a ValueError with its problem."""
    try:
        return parse(line)
    except ValueError as error:
        return ValueError(f"is not JSON: {error}")
