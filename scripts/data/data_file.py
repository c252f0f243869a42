"""Loads a data file: a CSV file, compressed or not, of companies and whether they went bankrupt."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from inference.numbers import number_problem
from scripts.companies.errors import table_errors
from scripts.companies.ids import default_ids
from scripts.errors import ScriptError
from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.dataset.file_format import EXTENSIONS
from steps.dataset.known_files import SAMPLE_FILE_NAME, UCI_SHA256, UCI_WITH_FIRMS_SHA256
from steps.tables.header import form_problem, header_problem, quoted
from steps.tables.open import Plain, open_plain, read_utf8
from steps.tables.records import BadRecord, Record
from steps.tables.table import Table

UCI_NAME = "UCI 572, Taiwanese Bankruptcy Prediction"


class DataError(ScriptError):
    """A data file can't be used."""

    code = "invalid_data"


@dataclass(frozen=True)
class DataCompany:
    """A row of a data file: its ratios by name, and the cells that identify it, as text."""

    ratios: dict[str, float]
    ids: dict[str, str]


@dataclass(frozen=True)
class DataFile:
    """A data file in memory.

    Parameters
    ----------
    path
        Where it was read from.
    name
        The name of the CSV file.
    content
        The CSV file, decompressed.
    note
        Why sample data is used, as a sentence; part of its description.
    uri
        Its S3 URI, if it was read from the bucket. In that case, the path is only a name.
    """

    path: Path
    name: str
    content: bytes
    note: str = ""
    uri: str = ""

    @property
    def place(self) -> str:
        """Its S3 URI, or else its path."""
        return self.uri or str(self.path)

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, as hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_original(self) -> bool:
        """Whether this is the file that UCI distributes, apart from line endings."""
        return self.sha256 in UCI_SHA256

    @property
    def has_inferred_firms(self) -> bool:
        """Whether this is the UCI file with the inferred column firm_id."""
        return self.sha256 == UCI_WITH_FIRMS_SHA256

    @property
    def is_sample(self) -> bool:
        """Whether this is generated sample data; it is recognised by its name."""
        return self.name == SAMPLE_FILE_NAME

    @property
    def origin(self) -> str:
        """Where the data comes from."""
        sample = "sample data (generated: invented companies)"
        if self.has_inferred_firms:
            return f"{UCI_NAME}, with inferred firms"
        return UCI_NAME if self.is_original else sample if self.is_sample else "not the UCI file"

    @property
    def description(self) -> str:
        """What to call this data wherever its figures are shown."""
        if not (self.is_original or self.has_inferred_firms or self.is_sample):
            return self.place
        return f"{self.origin}. {self.note}" if self.note else f"{self.origin}, {self.place}"

    @property
    def names_firms(self) -> bool:
        """Whether the header has the column firm_id."""
        with self.open() as table:
            return FIRM_ID in table.header

    @contextmanager
    def open(self) -> Iterator[Table]:
        """Open the table.

        Raises
        ------
        DataError
            If the content is not a table. Also raised while it is read.
        """
        name = f"The data file {self.place}"
        with table_errors(DataError):
            yield Table(read_utf8(Plain(io.BytesIO(self.content), name)), name)

    def company(self, row: int, keep: Sequence[str] | None = None) -> DataCompany:
        """Return a company.

        Parameters
        ----------
        row
            Index of the company, from 0.
        keep
            The columns that identify it; None for those of `default_ids`.

        Raises
        ------
        DataError
            If there is no such row, or its ratios can't be used.
        """
        count = 0
        with self.open() as table:
            for count, record in enumerate(table.rows(), start=1):
                if count - 1 == row:
                    return self._company(table, record, row, keep)
        raise DataError(f"{self.place} has rows 0 to {count - 1}; given {row}.")

    @cached_property
    def rows_by_id(self) -> dict[str, list[int]]:
        """The rows of the companies by their id, which is the value of the column in `default_ids`."""
        found: dict[str, list[int]] = {}
        with self.open() as table:
            for name in default_ids(table.header):
                column = table.header.index(name)
                for row, record in enumerate(table.rows()):
                    if isinstance(record, Record):
                        found.setdefault(record.cells[column], []).append(row)
        return found

    def first_company(self, *, bankrupt: bool) -> DataCompany:
        """Return the first company that went bankrupt, or that did not.

        Raises
        ------
        DataError
            If there is no such company.
        """
        with self.open() as table:
            if table.header.count(TARGET) == 1:
                column = table.header.index(TARGET)
                for row, record in enumerate(table.rows()):
                    if isinstance(record, BadRecord) or number_problem(record.cells[column]):
                        continue
                    if float(record.cells[column]) == int(bankrupt):
                        return self._company(table, record, row)
        kind = "bankrupt" if bankrupt else "healthy"
        raise DataError(
            f"{self.place} has no {kind} company: no row has {int(bankrupt)} in the column {TARGET!r}."
        )

    def _company(
        self, table: Table, record: Record | BadRecord, row: int, keep: Sequence[str] | None = None
    ) -> DataCompany:
        place = f"Row {row} of {self.place}, line {record.line},"
        if isinstance(record, BadRecord):
            raise DataError(f"{place} can't be used: it {record.problem}.")
        present = [name for name in RATIOS if name in table.header]
        problem = form_problem(table.header) or header_problem(table.header, present, keep or ())
        if problem:
            raise DataError(f"{self.place} {problem}")
        ratios = {}
        for name, cell in zip(table.header, record.cells, strict=True):
            problem = number_problem(cell)
            if not problem and name not in (TARGET, FIRM_ID, ""):
                ratios[name] = float(cell)
            elif name in RATIOS:
                raise DataError(f"{place} can't be used: {name!r} {problem} ({quoted(cell)}).")
        ids = default_ids(table.header) if keep is None else keep
        return DataCompany(ratios, {name: record.cells[table.header.index(name)] for name in ids})


def read_data_file(path: Path, note: str = "") -> DataFile:
    """Read a data file and decompress it.

    Raises
    ------
    DataError
        If the file does not exist, is damaged, or does not end in one of `EXTENSIONS`.
    """
    if not path.name.lower().endswith(EXTENSIONS):
        raise DataError(f"The data file {path} must end in one of {', '.join(EXTENSIONS)}.")
    if not path.is_file():
        raise DataError(f"The data file {path} does not exist.", f"Give a file ({', '.join(EXTENSIONS)}).")
    try:
        return plain_file(path, path.read_bytes(), f"The data file {path}", note)
    except OSError as error:
        raise DataError(f"The data file {path} can't be read ({error.strerror}).") from error


def plain_file(path: Path, content: bytes, name: str, note: str = "") -> DataFile:
    """Return a data file in memory, decompressed.

    Raises
    ------
    DataError
        If it is damaged, or an archive without exactly one CSV file; the message begins with `name`.
    """
    with table_errors(DataError), open_plain(io.BytesIO(content), name) as stream:
        inner = PurePosixPath(stream.member or path).name
        if not stream.member and inner.lower().endswith((".gz", ".xz")):
            inner = inner[:-3]
        return DataFile(path, inner, stream.read(), note)
