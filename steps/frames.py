"""Reads the data file and the frames that steps hand on, and says what is wrong with them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
import math
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from steps.dataset.columns import LARGEST, RATIOS, TARGET
from steps.job import JobError, require_file

Floats = NDArray[np.float64]

KINDS = (".csv", ".csv.gz", ".csv.xz", ".zip")
SHOWN = 20
_OPEN: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open}
# How a damaged file shows; zipfile raises RuntimeError for an encrypted member or an unknown compression.
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, RuntimeError)


class DataError(JobError):
    """The data file can't be used; the message lists what is wrong with it."""


def find_data_file(folder: Path) -> Path:
    """Return the one data file of a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if len(files) != 1 or not files[0].name.lower().endswith(KINDS):
        found = ", ".join(p.name for p in files[:SHOWN]) or "nothing"
        raise DataError(
            f"The input must be exactly one data file ({', '.join(KINDS)}), but it holds {found}.\n"
            "Point InputDataUri at one file, or at a folder with that file alone."
        )
    return files[0]


def csv_sha256(path: Path) -> str:
    """Return the sha256 of the CSV in a data file, as hex: the same however it is packed."""
    digest = hashlib.sha256()
    with _unpacked(path) as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def read_data(path: Path) -> pd.DataFrame:
    """Read and check a data file.

    Returns
    -------
    DataFrame
        The target (int8) and the 95 ratios (float64), names stripped, in the order of `steps.dataset.columns`
        whatever the file's order. Every value is finite, and within ±`LARGEST`.

    Raises
    ------
    DataError
        Listing every problem found: of the header, and of each cell with its row and column.
    """
    table = _read_flawless(path)
    if table is None:
        table = _read_cell_by_cell(path)
    frame = pd.DataFrame(table[:, 1:], columns=list(RATIOS))
    frame.insert(0, TARGET, table[:, 0].astype(np.int8))
    return frame


def _read_flawless(path: Path) -> Floats | None:
    """Return the table of a file in which nothing is wrong or even unusual, in a fraction of the time.

    None for any other file, of which every cell has to be looked at. Both ways parse to the nearest float64.
    """
    import pyarrow as pa  # noqa: PLC0415 (Steps that read parquet alone load it through pandas.)
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    try:
        with _unpacked(path) as stream:
            header = [name.strip() for name in stream.readline().decode("utf-8-sig").split(",")]
            if _header_problems(header):
                return None
            columns = arrow_csv.read_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=arrow_csv.ReadOptions(column_names=header),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.float64()),
                    include_columns=[TARGET, *RATIOS],
                    null_values=[],
                ),
            )
    except (*_DAMAGED, UnicodeDecodeError, pa.ArrowException):
        return None
    table = np.empty((len(columns), len(columns.column_names)))
    for at, column in enumerate(columns.itercolumns()):
        table[:, at] = column.to_numpy()
    if not len(table) or not np.isin(table[:, 0], (0.0, 1.0)).all():
        return None
    # The largest of numbers of which one is NaN is NaN, and within nothing.
    return table if all(np.abs(column).max() <= LARGEST for column in table.T) else None


def _read_cell_by_cell(path: Path) -> Floats:
    numbered = _numbered_rows(path)
    _, first = next(numbered, (1, []))
    header = [name.strip() for name in first]
    problems = _header_problems(header)
    # With unknown or repeated columns a position's meaning is unsure, but what is known can be checked.
    position = {name: header.index(name) for name in (TARGET, *RATIOS) if name in header}
    numbers = array("d")
    for number, cells in numbered:
        if not cells:
            continue
        if len(cells) != len(header):
            problems.append(f"row {number}: {len(cells)} cells where the header has {len(header)}")
            continue
        values, row_problems = _read_row(number, cells, position)
        problems.extend(row_problems)
        numbers.extend(values)
    if not numbers and not problems:
        problems.append("the file has a header but no rows")
    if problems:
        raise DataError(_describe(path.name, problems))
    return np.array(numbers, dtype=np.float64).reshape(-1, len(position))


def read_frame(folder: Path, name: str, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a parquet file that an earlier step wrote, and check that it has the columns asked for."""
    frame = pd.read_parquet(require_file(folder / name, f"file {name} of an earlier step"))
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(
            f"{name} lacks columns that are needed here: {', '.join(missing[:SHOWN])}.\n"
            "Start the whole pipeline again, so that all steps see the same data."
        )
    return frame


def values(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return columns of a frame as a C-ordered float64 array of shape (rows, len(names))."""
    return np.ascontiguousarray(frame[list(names)].to_numpy(dtype=np.float64))


def target(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """Return the target of a frame, shape (rows,): 1 for bankrupt."""
    return frame[TARGET].to_numpy(dtype=np.int8)


def _numbered_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    # csv and float() rather than pandas: they know each cell's row and parse to the nearest float64.
    reader = csv.reader(io.StringIO(_read_text(path), newline=""))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(
            f"The data file {path.name} is not CSV near row {reader.line_num}: {error}.\n"
            "A quotation mark that is never closed makes the rest of the file one cell."
        ) from error


def _read_text(path: Path) -> str:
    try:
        return _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text (byte {error.start} can't be read). Save it as CSV in UTF-8."
        ) from error
    except _DAMAGED as error:
        raise DataError(f"{path.name} can't be unpacked ({error}). Is the file whole?") from error


def _read_bytes(path: Path) -> bytes:
    with _unpacked(path) as stream:
        return stream.read()


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a data file as the CSV that it holds."""
    kind = path.suffix.lower()
    with ExitStack() as stack:
        if kind == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            yield stack.enter_context(archive.open(_csv_member(path, archive)))
        else:
            yield stack.enter_context(_OPEN.get(kind, partial(open, mode="rb"))(path))


def _csv_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [
        name
        for name in archive.namelist()
        if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise DataError(
            f"{path.name} must hold exactly one .csv file, but holds {', '.join(members) or 'none'}."
        )
    return members[0]


def _header_problems(header: Sequence[str]) -> list[str]:
    expected = (TARGET, *RATIOS)
    counts = Counter(header)
    return [
        *(f"header: column {name!r} is missing" for name in expected if name not in counts),
        *(f"header: column {name!r} is not one of the expected" for name in counts if name not in expected),
        *(f"header: column {name!r} occurs {n} times" for name, n in counts.items() if n > 1),
    ]


def _read_row(row: int, cells: Sequence[str], position: dict[str, int]) -> tuple[list[float], list[str]]:
    numbers, problems = [], []
    for name, at in position.items():
        number, problem = _read_cell(cells[at])
        if not problem and name == TARGET and number not in (0.0, 1.0):
            problem = "is neither 0 nor 1"
        if problem:
            shown = cells[at] if len(cells[at]) <= 30 else cells[at][:30] + "…"
            problems.append(f"row {row}, column {name!r}: {shown!r} {problem}")
        numbers.append(number)
    return numbers, problems


def _read_cell(cell: str) -> tuple[float, str]:
    """Return a cell's number and what is wrong with it ('' if nothing)."""
    if not cell.strip():
        return math.nan, "is empty"
    try:
        number = float(cell)
    except ValueError:
        return math.nan, "is not a number"
    if "_" in cell:  # float() takes 1_000, as Python source does
        return math.nan, "is not a number"
    if not math.isfinite(number):
        return number, "is not a finite number"
    return number, "" if abs(number) <= LARGEST else f"is beyond ±{LARGEST:g}"


def _describe(name: str, problems: Sequence[str]) -> str:
    count = f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}"
    first = f", of which the first {SHOWN} follow" if len(problems) > SHOWN else ""
    return "\n".join(
        [
            f"The data file {name} can't be used: it has {count}{first}.",
            *problems[:SHOWN],
            f"Expected: comma-separated, a header (row 1), {TARGET!r} as 0 or 1, and the {len(RATIOS)} "
            f"ratios as finite numbers within ±{LARGEST:g}. Nothing was written.",
        ]
    )
