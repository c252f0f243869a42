"""Describes a data file: its size, its classes, and columns that deserve a look."""

from array import array
from collections.abc import Sequence
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


def describe(file: DataFile) -> dict[str, str]:
    """Return facts about a data file as text, by their labels.

    Raises
    ------
    DataError
        If the file can't be read as a table, or has malformed rows.
    """
    header, columns, firms = _read(file)
    companies = len(columns[0].numbers)
    target = columns[header.index(TARGET)].numbers if TARGET in header else None
    columns = [column for column in columns if column.name != FIRM_ID]
    texts = [column for column in columns if column.is_text]
    figures = [column for column in columns if not column.is_text]
    # The UCI file's ratios should be at most 1; larger values have another unit.
    largest = [
        most for column in figures if (most := max((v for v in column.numbers if v > 1), default=0.0)) > 1
    ]
    missing = header_problem(header, NAMES, of="the")
    extra = ignored_columns(header, KNOWN)
    invalid = sum(column.invalid for column in figures)
    return {
        "companies": f"{companies:,}",
        "columns": f"{len(header)}, {'without' if target is None else 'including'} the target",
        "firms": _firms(firms, header),
        "bankrupt": _classes(target),
        "constant": ", ".join(column.name for column in columns if column.is_constant) or "none",
        "duplicates": ", ".join(_duplicates(figures)) or "none",
        "repeated rows": counted(_repeated_rows(figures), "row"),
        "above 1": f"{counted(len(largest), 'column')}" + (f", up to {max(largest):.3g}" if largest else ""),
        "text": ", ".join(column.name for column in texts) or "none",
        "non-numeric": counted(invalid, "cell"),
        "empty": counted(sum(column.empty for column in columns), "cell"),
        **({"header": f"it {missing}"} if missing else {"ignored": extra or "none"}),
        "sha256": file.sha256,
        "origin": file.origin,
    }


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


def _firms(firms: set[str] | None, header: Sequence[str]) -> str:
    """Return the number of firms, or the consequence of a missing firm_id."""
    if problem := firm_id_problem(header):
        return f"it {problem}"
    if firms is None:
        return f"no column {FIRM_ID!r}: rows of one firm can be both in training and among unseen companies"
    nameless = "; empty in some rows" if "" in firms else ""
    return f"{len(firms - {''}):,}, by the column {FIRM_ID!r}{nameless}"


def _classes(target: Sequence[float] | None) -> str:
    if target is None:
        return f"no column {TARGET!r}"
    bankrupt, healthy = target.count(1.0), target.count(0.0)
    share = f" ({bankrupt / len(target):.2%})" if target else ""
    others = len(target) - bankrupt - healthy
    return f"{bankrupt:,}{share}" + (f"; {counted(others, 'row')} neither 0 nor 1" if others else "")


def _duplicates(columns: Sequence[_Column]) -> list[str]:
    first_with: dict[bytes, str] = {}
    found = []
    for column in columns:
        if len(column.numbers) and not column.is_constant:
            twin = first_with.setdefault(column.numbers.tobytes(), column.name)
            if twin != column.name:
                found.append(f"{column.name} = {twin}")
    return found


def _repeated_rows(columns: Sequence[_Column]) -> int:
    """Return how many rows have the same ratios as an earlier row."""
    known = [column for column in columns if column.is_known and column.name != TARGET]
    rows = list(zip(*(column.numbers for column in known or columns), strict=True))
    return len(rows) - len(set(rows))
