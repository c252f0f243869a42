"""Get and look at the data set: the UCI file, a file of the user's, or generated sample data."""

import gzip
import hashlib
import http.client
import io
import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from scripts.companies.columns import looks_separated, separator_of
from steps.dataset.columns import TARGET

if TYPE_CHECKING:
    import pandas as pd

UCI_URL = "https://archive.ics.uci.edu/static/public/572/taiwanese+bankruptcy+prediction.zip"
UCI_NAME = "UCI 572, Taiwanese Bankruptcy Prediction"
# The file's bytes with the line ends of the archive's copy (CRLF), and of copies that turned them into LF.
UCI_SHA256 = (
    "67bf2e7c75490f7ad3f76bbce57d49cdc25967cdab607527b94f944863fa14d8",
    "cbe49e73a9dfb375fca2bae51a39948c7d283469cb4cf65a12ce0d228afb8fa1",
)
UCI_FILE_NAME = "taiwanese-bankruptcy.csv"
SAMPLE_FILE_NAME = "sample-data.csv"
SHOWN_CHARACTERS = 60  # of a column's name; the longest of the UCI file has fewer
FORMATS = (".csv", ".csv.gz", ".csv.xz", ".zip")

TIMEOUT_SECONDS = 10.0
MAX_DOWNLOAD_BYTES = 50_000_000  # the archive has about 5 MB; anything far larger is not it

Opener = Callable[..., Any]  # called as urlopen is: opener(url, timeout=seconds)


class DataError(Exception):
    """The data can't be used; the message says why and what to do."""


class DataUnavailableError(DataError):
    """The UCI archive can't be reached from here."""


@dataclass(frozen=True)
class DataSource:
    """A data file to work with, and what to call it wherever its figures are shown."""

    path: Path
    is_sample: bool
    description: str


@dataclass(frozen=True)
class CsvFile:
    """The CSV inside a data file, decompressed."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Hash of the content, as hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_uci(self) -> bool:
        """Whether this is the UCI file, byte for byte."""
        return self.sha256 in UCI_SHA256

    @property
    def is_sample(self) -> bool:
        """Whether this is generated sample data, which is told by its name."""
        return self.name == SAMPLE_FILE_NAME


@dataclass(frozen=True)
class ColumnRange:
    """Lowest and highest number of a column."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class DataSummary:
    """What a data file holds. Column names are stripped of white space."""

    rows: int
    columns: int
    bankrupt: int | None  # None: no target column
    constant_columns: tuple[str, ...]
    duplicate_columns: tuple[tuple[str, str], ...]  # (column, the earlier one it is equal to)
    ranges: tuple[ColumnRange, ...]
    non_numeric_cells: int
    missing_cells: int
    sha256: str
    is_uci: bool
    is_sample: bool
    separator: str = ","  # what the header looks separated by

    @property
    def bankrupt_share(self) -> float | None:
        """Share of companies that went bankrupt."""
        return None if self.bankrupt is None or self.rows == 0 else self.bankrupt / self.rows

    @property
    def mixed_columns(self) -> tuple[ColumnRange, ...]:
        """Columns with values above 1, which the UCI file's ratios should not have."""
        return tuple(column for column in self.ranges if column.high > 1)

    def as_rows(self) -> list[tuple[str, str]]:
        """Return label and text of each fact, for a table."""
        share = self.bankrupt_share
        kind = (
            UCI_NAME if self.is_uci else "sample data (generated)" if self.is_sample else "not the UCI file"
        )
        highest = max((column.high for column in self.mixed_columns), default=0.0)
        separators = [] if self.separator == "," else [("separator", looks_separated(self.separator))]
        constant = ", ".join(map(_shortened, self.constant_columns))
        duplicates = ", ".join(f"{_shortened(a)} = {_shortened(b)}" for a, b in self.duplicate_columns)
        return [
            *separators,
            ("companies", f"{self.rows:,}"),
            ("columns", f"{self.columns}, with the target"),
            (
                "bankrupt",
                f"no column {TARGET!r}" if share is None else f"{self.bankrupt:,} ({share:.2%})",
            ),
            ("constant columns", constant or "none"),
            ("duplicate columns", duplicates or "none"),
            ("columns above 1", f"{len(self.mixed_columns)}" + (f", up to {highest:.3g}" if highest else "")),
            ("cells that are no number", f"{self.non_numeric_cells}"),
            ("empty cells", f"{self.missing_cells}"),
            ("sha256 of the CSV", self.sha256),
            ("which file", kind),
        ]


def cache_folder() -> Path:
    """Return where downloads and the sample are kept: $BANKRUPTCY_HOME, or ~/.cache/bankruptcy."""
    home = os.environ.get("BANKRUPTCY_HOME")
    return Path(home) if home else Path.home() / ".cache" / "bankruptcy"


def fetch(destination: Path, opener: Opener = urlopen) -> Path:
    """Return the path of the UCI file in folder `destination`, downloading it unless it is there, whole.

    Raises
    ------
    DataUnavailableError
        If UCI can't be reached, or answers with something that is no archive.
    DataError
        If the archive's file is not the known one, or the folder can't be written.
    """
    path = destination / UCI_FILE_NAME
    if path.is_file() and read_csv_file(path).is_uci:
        return path
    csv = _unzip(_download(opener), "The archive from UCI")
    if not csv.is_uci:
        raise DataError(
            f"The file {csv.name} from {UCI_URL} is not the one this project knows: "
            f"given sha256 {csv.sha256}, expected {' or '.join(UCI_SHA256)}. "
            "Look at the file before you use it; then pass it with --data PATH."
        )
    _write(path, csv.content)
    return path


def resolve(path: Path | None, opener: Opener = urlopen) -> DataSource:
    """Return the data to work with: the file given, else the UCI file, else, without a network, the sample.

    Raises
    ------
    DataError
        If the file given can't be read, or what UCI sends is not the known file.
    """
    if path is not None:
        return _describe_source(path)
    try:
        return _describe_source(fetch(cache_folder(), opener))
    except DataUnavailableError as error:
        return DataSource(
            _cached_sample(),
            is_sample=True,
            description=f"sample data (generated: invented companies), because {error}",
        )


def read_csv_file(path: Path) -> CsvFile:
    """Return the CSV in a data file, decompressed.

    Raises
    ------
    DataError
        If there is no such file, its format is not one of `FORMATS`, or it is damaged.
    """
    name = path.name.lower()
    if not name.endswith(FORMATS):
        raise DataError(f"The data file {path} must end in one of {', '.join(FORMATS)}.")
    if not path.is_file():
        raise DataError(f"There is no data file {path}. Give the path of a file ({', '.join(FORMATS)}).")
    try:
        content = path.read_bytes()
        if name.endswith(".zip"):
            return _unzip(content, str(path))
        if name.endswith(".gz"):
            return CsvFile(path.stem, gzip.decompress(content))
        if name.endswith(".xz"):
            return CsvFile(path.stem, lzma.decompress(content))
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"The data file {path} can't be read ({error}). Is it whole?") from error
    return CsvFile(path.name, content)


def describe(path: Path) -> DataSummary:
    """Return what a data file holds.

    Raises
    ------
    DataError
        If the file can't be read as a table.
    """
    import pandas as pd

    csv = read_csv_file(path)
    table = _parse(csv, path)
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(float)
    missing = int(table.isna().to_numpy().sum())
    bankrupt = int((numbers[TARGET] == 1).sum()) if TARGET in numbers else None
    constant, duplicates = [], []
    first_with: dict[bytes, str] = {}
    for name, column in numbers.items():
        label = str(name)
        if column.nunique(dropna=False) <= 1:
            constant.append(label)
            continue
        twin = first_with.setdefault(column.to_numpy().tobytes(), label)
        if twin != label:
            duplicates.append((label, twin))
    return DataSummary(
        rows=len(table),
        columns=len(table.columns),
        bankrupt=bankrupt,
        constant_columns=tuple(constant),
        duplicate_columns=tuple(duplicates),
        ranges=tuple(ColumnRange(str(name), c.min(), c.max()) for name, c in numbers.items()),
        non_numeric_cells=int(numbers.isna().to_numpy().sum()) - missing,
        missing_cells=missing,
        sha256=csv.sha256,
        is_uci=csv.is_uci,
        is_sample=csv.is_sample,
        separator=_separator(csv),
    )


def read_company(path: Path, row: int) -> dict[str, float]:
    """Return the ratios of the company at `row` (from 0) by name, without the target.

    Raises
    ------
    DataError
        If the file can't be read, has no such row, or the row holds something that is no number.
    """
    table = _parse(read_csv_file(path), path)
    if not 0 <= row < len(table):
        raise DataError(f"{path} has the rows 0 to {len(table) - 1}; given {row}.")
    try:
        company = table.drop(columns=TARGET, errors="ignore").iloc[row].astype(float)
    except ValueError as error:
        raise DataError(f"Row {row} of {path} can't be used: {error}.") from error
    return {str(name): float(value) for name, value in company.items()}


def first_bankrupt_company(path: Path) -> dict[str, float]:
    """Return the ratios of the first bankrupt company by name.

    Raises
    ------
    DataError
        If the file can't be read or holds no bankrupt company.
    """
    table = _parse(read_csv_file(path), path)
    if TARGET not in table or not (table[TARGET] == 1).any():
        raise DataError(f"{path} holds no bankrupt company: no row has 1 in the column {TARGET!r}.")
    return read_company(path, (table[TARGET] == 1).tolist().index(True))


def _describe_source(path: Path) -> DataSource:
    csv = read_csv_file(path)
    if csv.is_sample:
        return DataSource(
            path, is_sample=True, description=f"sample data (generated: invented companies), {path}"
        )
    return DataSource(path, is_sample=False, description=f"{UCI_NAME}, {path}" if csv.is_uci else str(path))


def _cached_sample() -> Path:
    from scripts.data import sample

    # A folder of its own per version: the file's name is what marks it as the sample wherever it goes.
    path = cache_folder() / f"sample-{sample.version()}" / SAMPLE_FILE_NAME
    if not path.is_file():
        _write(path, sample.csv_bytes())
    return path


def _parse(csv: CsvFile, path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(csv.content), encoding="utf-8-sig", low_memory=False)
    except ValueError as error:  # pandas' parser errors and Unicode errors are ValueErrors
        hint = "" if (separator := _separator(csv)) == "," else f" The file {looks_separated(separator)}"
        raise DataError(f"The data file {path} can't be read as CSV ({error}).{hint}") from error
    return table.rename(columns=str.strip)


def _separator(csv: CsvFile) -> str:
    return separator_of(csv.content.partition(b"\n")[0].decode("utf-8", "replace"))


def _shortened(name: str) -> str:
    return name if len(name) <= SHOWN_CHARACTERS else f"{name[: SHOWN_CHARACTERS - 1]}…"


def _download(opener: Opener) -> bytes:
    try:
        with opener(UCI_URL, timeout=TIMEOUT_SECONDS) as response:
            content: bytes = response.read(MAX_DOWNLOAD_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataUnavailableError(
            f"UCI's archive can't be reached from here ({reason}). "
            f"With a network, try again; or download {UCI_URL} elsewhere and pass it with --data PATH."
        ) from error
    if len(content) > MAX_DOWNLOAD_BYTES or not zipfile.is_zipfile(io.BytesIO(content)):
        raise DataUnavailableError(
            f"what answers at {UCI_URL} sends no archive ({len(content):,} bytes); "
            "often that is a network's sign-in page."
        )
    return content


def _unzip(content: bytes, what: str) -> CsvFile:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [
                n for n in archive.namelist() if n.lower().endswith(".csv") and not n.startswith("__MACOSX/")
            ]
            if len(names) != 1:
                raise DataError(f"{what} must hold exactly one .csv; it holds {len(names)}.")
            return CsvFile(PurePosixPath(names[0]).name, archive.read(names[0]))
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: it wants a password
        raise DataError(f"{what} can't be unpacked ({error}). Is it whole?") from error


def _write(path: Path, content: bytes) -> None:
    """Write a file so that at every moment it is either absent or whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.close()
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise DataError(
            f"{path} can't be written ({error}). Set BANKRUPTCY_HOME to a folder that can be."
        ) from error
