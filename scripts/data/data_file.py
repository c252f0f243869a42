"""Loads a data file: a CSV file, compressed or not, of companies and whether they went bankrupt."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from scripts.companies.header import separator_of, wrong_separator
from scripts.errors import ScriptError
from steps.dataset.columns import FIRM_ID, TARGET
from steps.dataset.known_files import UCI_WITH_FIRMS_SHA256

if TYPE_CHECKING:
    import pandas as pd

UCI_NAME = "UCI 572, Taiwanese Bankruptcy Prediction"
# The UCI file's hash with the CRLF line ends of the archive, and with LF line ends.
UCI_SHA256 = (
    "67bf2e7c75490f7ad3f76bbce57d49cdc25967cdab607527b94f944863fa14d8",
    "cbe49e73a9dfb375fca2bae51a39948c7d283469cb4cf65a12ce0d228afb8fa1",
)
SAMPLE_FILE_NAME = "sample-data.csv"
FORMATS = (".csv", ".csv.gz", ".csv.xz", ".zip")


class DataError(ScriptError):
    """A data file can't be used."""

    code = "invalid_data"


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
    """

    path: Path
    name: str
    content: bytes
    note: str = ""

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, as hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_original(self) -> bool:
        """Whether this is the file that UCI distributes, byte for byte except for its line ends."""
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
            return str(self.path)
        return f"{self.origin}. {self.note}" if self.note else f"{self.origin}, {self.path}"

    @property
    def names_firms(self) -> bool:
        """Whether the header has the column firm_id."""
        header = self.content.partition(b"\n")[0].decode("utf-8-sig", "replace")
        return FIRM_ID in (name.strip() for name in header.split(","))

    @property
    def separator(self) -> str:
        """The separator that the header seems to use."""
        return separator_of(self.content.partition(b"\n")[0].decode("utf-8", "replace"))

    @cached_property
    def table(self) -> pd.DataFrame:
        """The data as a table; column names are stripped.

        Raises
        ------
        DataError
            If the content is not CSV.
        """
        import pandas as pd

        try:
            table = pd.read_csv(io.BytesIO(self.content), encoding="utf-8-sig", low_memory=False)
        except ValueError as error:  # pandas' parser errors and Unicode errors are ValueErrors
            hint = "" if self.separator == "," else f"The file {wrong_separator(self.separator)}"
            raise DataError(f"The data file {self.path} can't be read as CSV ({error}).", hint) from error
        return table.rename(columns=str.strip)

    def company(self, row: int) -> dict[str, float]:
        """Return the ratios of a company by name, without the target and the firm.

        Parameters
        ----------
        row
            Index of the company, from 0.

        Raises
        ------
        DataError
            If there is no such row, or it contains a value that is not a number.
        """
        if not 0 <= row < len(self.table):
            raise DataError(f"{self.path} has rows 0 to {len(self.table) - 1}; given {row}.")
        try:
            company = self.table.drop(columns=[TARGET, FIRM_ID], errors="ignore").iloc[row].astype(float)
        except ValueError as error:
            raise DataError(f"Row {row} of {self.path} can't be used: {error}.") from error
        return {str(name): float(value) for name, value in company.items()}

    def first_company(self, *, bankrupt: bool) -> dict[str, float]:
        """Return the ratios of the first company that went bankrupt, or that did not.

        Raises
        ------
        DataError
            If there is no such company.
        """
        label = int(bankrupt)
        if TARGET not in self.table or not (self.table[TARGET] == label).any():
            kind = "bankrupt" if bankrupt else "healthy"
            raise DataError(
                f"{self.path} has no {kind} company: no row has {label} in the column {TARGET!r}."
            )
        return self.company((self.table[TARGET] == label).tolist().index(True))


def read_data_file(path: Path, note: str = "") -> DataFile:
    """Read a data file and decompress it.

    Raises
    ------
    DataError
        If the file does not exist, is damaged, or does not end in one of `FORMATS`.
    """
    name = path.name.lower()
    if not name.endswith(FORMATS):
        raise DataError(f"The data file {path} must end in one of {', '.join(FORMATS)}.")
    if not path.is_file():
        raise DataError(f"The data file {path} does not exist.", f"Give a file ({', '.join(FORMATS)}).")
    try:
        content = path.read_bytes()
        if name.endswith(".zip"):
            return DataFile(path, *unzip_csv(content, str(path)), note)
        if decompress := {".gz": gzip.decompress, ".xz": lzma.decompress}.get(Path(name).suffix):
            return DataFile(path, path.stem, decompress(content), note)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"The data file {path} can't be read ({error}).", "Is the file complete?") from error
    return DataFile(path, path.name, content, note)


def unzip_csv(content: bytes, source: str) -> tuple[str, bytes]:
    """Return the name and content of the only CSV file in a zip archive.

    Raises
    ------
    DataError
        If the archive is damaged, or does not contain exactly one CSV file; the message names `source`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [
                n for n in archive.namelist() if n.lower().endswith(".csv") and not n.startswith("__MACOSX/")
            ]
            if len(names) != 1:
                raise DataError(f"{source} must contain exactly one .csv file; it contains {len(names)}.")
            return PurePosixPath(names[0]).name, archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: it needs a password
        raise DataError(f"{source} can't be unpacked ({error}).", "Is the file complete?") from error
