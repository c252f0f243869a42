"""Describes a data file: its size, its classes, and columns that deserve a look."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from inference.numbers import number_problem, numbers
from scripts.data.data_file import DataError, DataFile
from scripts.text import counted
from steps.dataset.columns import FIRM_ID, TARGET
from steps.dataset.file_format import KNOWN, NAMES, firm_id_problem
from steps.tables.header import form_problem, header_problem, ignored_columns
from steps.tables.records import BadRecord

SHOWN_CHARACTERS = 60  # of a column's name; no name in the UCI file is longer
SHOWN_PROBLEMS = 20


class _Column:
    """The cells of a column."""

    def __init__(self, name: str) -> None:
        self.name = name if len(name) <= SHOWN_CHARACTERS else f"{name[: SHOWN_CHARACTERS - 1]}…"
        self.is_known = name in NAMES
        self.numbers = array("d")  # NaN for a cell that is not a number
        self.empty = 0
        self.invalid = 0

    def add(self, cells: Sequence[str]) -> None:
        """Add cells."""
        values = numbers(cells)
        if values is None:
            values = [self._value(cell) for cell in cells]
        self.numbers.extend(values)

    def _value(self, cell: str) -> float:
        problem = number_problem(cell)
        if not problem:
            return float(cell)
        is_empty = not cell.strip()
        self.empty += is_empty
        self.invalid += not is_empty
        return nan

    @property
    def is_text(self) -> bool:
        """Whether this unknown column contains only text."""
        return not self.is_known and 0 < self.invalid == len(self.numbers) - self.empty

    @property
    def is_constant(self) -> bool:
        """Whether all rows have the same number."""
        return not (self.empty or self.invalid) and len(set(self.numbers)) == 1


@dataclass(frozen=True)
class Description:
    """Facts about a data file.

    Attributes
    ----------
    firms
        The number of firms; None without a column `firm_id`.
    firm_id_problem
        The problem of a misspelled `firm_id`, as the rest of a sentence; None if there is none.
    rows_without_firm
        Whether the `firm_id` of some rows is empty.
    bankrupt, healthy, neither
        The number of rows with 1, with 0 and with another target; None without a target.
    duplicates
        Pairs of columns with the same numbers, the later column first.
    repeated_rows
        The number of rows with the ratios of an earlier row.
    above_1, largest
        The number of columns with numbers above 1, and the largest number; None if there is none.
    header_problem
        Why the header is not that of the data set, as the rest of a sentence; None if it is.
    """

    companies: int
    columns: int
    firms: int | None
    firm_id_problem: str | None
    rows_without_firm: bool
    bankrupt: int | None
    healthy: int | None
    neither: int | None
    constant: tuple[str, ...]
    duplicates: tuple[tuple[str, str], ...]
    repeated_rows: int
    above_1: int
    largest: float | None
    text: tuple[str, ...]
    non_numeric: int
    empty: int
    header_problem: str | None
    ignored: tuple[str, ...]
    sha256: str
    origin: str

    def facts(self) -> dict[str, str]:
        """Return the facts as text, by their labels."""
        ignored = ignored_columns(self.ignored, known=()) or "none"
        return {
            "companies": f"{self.companies:,}",
            "columns": f"{self.columns}, {'without' if self.bankrupt is None else 'including'} the target",
            "firms": self._firms(),
            "bankrupt": self._classes(),
            "constant": ", ".join(self.constant) or "none",
            "duplicates": ", ".join(f"{name} = {twin}" for name, twin in self.duplicates) or "none",
            "repeated rows": counted(self.repeated_rows, "row"),
            "above 1": counted(self.above_1, "column")
            + ("" if self.largest is None else f", up to {self.largest:.3g}"),
            "text": ", ".join(self.text) or "none",
            "non-numeric": counted(self.non_numeric, "cell"),
            "empty": counted(self.empty, "cell"),
            **({"header": f"it {self.header_problem}"} if self.header_problem else {"ignored": ignored}),
            "sha256": self.sha256,
            "origin": self.origin,
        }

    def _firms(self) -> str:
        """Return the number of firms, or the consequence of a missing firm_id."""
        if self.firm_id_problem:
            return f"it {self.firm_id_problem}"
        if self.firms is None:
            return (
                f"no column {FIRM_ID!r}: rows of one firm can be both in training and among unseen companies"
            )
        nameless = "; empty in some rows" if self.rows_without_firm else ""
        return f"{self.firms:,}, by the column {FIRM_ID!r}{nameless}"

    def _classes(self) -> str:
        if self.bankrupt is None:
            return f"no column {TARGET!r}"
        share = f" ({self.bankrupt / self.companies:.2%})" if self.companies else ""
        others = f"; {counted(self.neither, 'row')} neither 0 nor 1" if self.neither else ""
        return f"{self.bankrupt:,}{share}{others}"


def describe(file: DataFile) -> Description:
    """Return facts about a data file.

    Raises
    ------
    DataError
        If the file can't be read as a table, or has malformed rows.
    """
    header, columns, firms = _read(file)
    companies = len(columns[0].numbers)
    target = columns[header.index(TARGET)].numbers if TARGET in header else None
    bankrupt, healthy = (None, None) if target is None else (target.count(1.0), target.count(0.0))
    columns = [column for column in columns if column.name != FIRM_ID]
    texts = [column for column in columns if column.is_text]
    figures = [column for column in columns if not column.is_text]
    # The UCI file's ratios should be at most 1; larger values have another unit.
    largest = [
        most for column in figures if (most := max((v for v in column.numbers if v > 1), default=0.0)) > 1
    ]
    return Description(
        companies=companies,
        columns=len(header),
        firms=None if firms is None else len(firms - {""}),
        firm_id_problem=firm_id_problem(header) or None,
        rows_without_firm=firms is not None and "" in firms,
        bankrupt=bankrupt,
        healthy=healthy,
        neither=None if bankrupt is None or healthy is None else companies - bankrupt - healthy,
        constant=tuple(column.name for column in columns if column.is_constant),
        duplicates=tuple(_duplicates(figures)),
        repeated_rows=_repeated_rows(figures),
        above_1=len(largest),
        largest=max(largest, default=None),
        text=tuple(column.name for column in texts),
        non_numeric=sum(column.invalid for column in figures),
        empty=sum(column.empty for column in columns),
        header_problem=header_problem(header, NAMES, of="the") or None,
        ignored=tuple(name for name in header if name not in KNOWN),
        sha256=file.sha256,
        origin=file.origin,
    )


def _read(file: DataFile) -> tuple[tuple[str, ...], list[_Column], set[str] | None]:
    """Return the header, the columns, and the firms; None if the file has no firm_id."""
    bad: list[BadRecord] = []
    with file.open() as table:
        if problem := form_problem(table.header):
            raise DataError(f"{table.name} {problem}")
        columns = [_Column(name) for name in table.header]
        firms = set[str]() if FIRM_ID in table.header else None
        for block in table.blocks():
            rows: list[list[str]] = []
            for record in block.records(len(columns)):
                if isinstance(record, BadRecord):
                    bad.append(record)
                else:
                    rows.append(record.cells)
            if firms is not None:
                column_of_firms = table.header.index(FIRM_ID)
                firms.update(cells[column_of_firms].strip() for cells in rows)
            for column, cells in zip(columns, zip(*rows, strict=True), strict=False):
                column.add(cells)
    if bad:
        count = counted(len(bad), "row")
        lines = [f"row {record.line}: {record.problem}" for record in bad[:SHOWN_PROBLEMS]]
        raise DataError("\n".join([f"The data file {file.place} has {count} that can't be read:", *lines]))
    return table.header, columns, firms


def _duplicates(columns: Sequence[_Column]) -> list[tuple[str, str]]:
    first_with: dict[bytes, str] = {}
    found = []
    for column in columns:
        if len(column.numbers) and not column.is_constant:
            twin = first_with.setdefault(column.numbers.tobytes(), column.name)
            if twin != column.name:
                found.append((column.name, twin))
    return found


def _repeated_rows(columns: Sequence[_Column]) -> int:
    """Return how many rows have the same ratios as an earlier row."""
    known = [column for column in columns if column.is_known and column.name != TARGET]
    rows = list(zip(*(column.numbers for column in known or columns), strict=True))
    return len(rows) - len(set(rows))
