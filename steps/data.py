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
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from steps.job import JobError, require_file
from steps.schema import RATIOS, TARGET

KINDS = (".csv", ".csv.gz", ".csv.xz", ".zip")
SHOWN = 20


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


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_data(path: Path) -> pd.DataFrame:
    """Read and check a data file.

    Returns
    -------
    DataFrame
        The target (int8) and the 95 ratios (float64), names stripped, in the order of `steps.schema`
        whatever the file's order. Every value is finite.

    Raises
    ------
    DataError
        Listing every problem found: of the header, and of each cell with its row and column.
    """
    numbered = _numbered_rows(path)
    _, first = next(numbered, (1, []))
    header = [name.strip() for name in first]
    problems = _header_problems(header)
    # With unknown or repeated columns a position's meaning is unsure, but what is known can be checked.
    position = {name: header.index(name) for name in (TARGET, *RATIOS) if name in header}
    rows: list[list[float]] = []
    for number, cells in numbered:
        if not cells:
            continue
        if len(cells) != len(header):
            problems.append(f"row {number}: {len(cells)} cells where the header has {len(header)}")
            continue
        values, row_problems = _read_row(number, cells, position)
        problems.extend(row_problems)
        rows.append(values)
    if not rows and not problems:
        problems.append("the file has a header but no rows")
    if problems:
        raise DataError(_describe(path.name, problems))
    table = np.array(rows, dtype=np.float64)
    frame = pd.DataFrame(table[:, 1:], columns=list(RATIOS))
    frame.insert(0, TARGET, table[:, 0].astype(np.int8))
    return frame


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
    # zipfile raises RuntimeError for an encrypted member or a compression that it does not know.
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DataError(f"{path.name} can't be unpacked ({error}). Is the file whole?") from error


def _read_bytes(path: Path) -> bytes:
    kind = path.suffix.lower()
    if kind == ".gz":
        return gzip.decompress(path.read_bytes())
    if kind == ".xz":
        return lzma.decompress(path.read_bytes())
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [
                name
                for name in archive.namelist()
                if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")
            ]
            if len(members) != 1:
                raise DataError(
                    f"{path.name} must hold exactly one .csv file, but holds {', '.join(members) or 'none'}."
                )
            return archive.read(members[0])
    return path.read_bytes()


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
    return number, "" if math.isfinite(number) else "is not a finite number"


def _describe(name: str, problems: Sequence[str]) -> str:
    count = f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}"
    first = f", of which the first {SHOWN} follow" if len(problems) > SHOWN else ""
    return "\n".join(
        [
            f"The data file {name} can't be used: it has {count}{first}.",
            *problems[:SHOWN],
            f"Expected: comma-separated, a header (row 1), {TARGET!r} as 0 or 1, and the {len(RATIOS)} "
            "ratios as finite numbers. Nothing was written.",
        ]
    )
