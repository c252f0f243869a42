"""Reads and checks the raw data file."""

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

from steps.dataset.columns import FIRM_ID, LARGEST, RATIOS, TARGET
from steps.job import DataError

Floats = NDArray[np.float64]

EXTENSIONS = (".csv", ".csv.gz", ".csv.xz", ".zip")
PROBLEMS_SHOWN = 20
_OPEN: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open}
# Raised for damaged files. zipfile raises RuntimeError for an encrypted member or an unknown compression.
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, RuntimeError)


def find_data_file(folder: Path) -> Path:
    """Return the only data file in a folder.

    Raises
    ------
    DataError
        If the folder does not hold exactly one file with one of `EXTENSIONS`.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if len(files) != 1 or not files[0].name.lower().endswith(EXTENSIONS):
        found = ", ".join(p.name for p in files[:PROBLEMS_SHOWN]) or "nothing"
        raise DataError(
            f"The input must be exactly one data file ({', '.join(EXTENSIONS)}), but it holds {found}.",
            "Set InputDataUri to one file, or to a folder that holds only that file.",
        )
    return files[0]


def csv_sha256(path: Path) -> str:
    """Return the sha256 of the CSV in a data file as hex; it does not depend on the compression."""
    digest = hashlib.sha256()
    with _open_csv(path) as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def read_data(path: Path) -> pd.DataFrame:
    """Read and check a data file.

    Returns
    -------
    DataFrame
        The target (int8), all ratios (float64), and `firm_id` (text) if the file has it. Names are stripped
        of spaces. Columns are in the order of `steps.dataset.columns`, whatever their order in the file.
        Values are finite and within ±`LARGEST`.

    Raises
    ------
    DataError
        With every problem of the header, and the row and column of every invalid cell.
    """
    table, firm_ids = _read_fast(path) or _read_cell_by_cell(path)
    frame = pd.DataFrame(table[:, 1:], columns=list(RATIOS))
    frame.insert(0, TARGET, table[:, 0].astype(np.int8))
    if firm_ids:
        frame[FIRM_ID] = firm_ids
    return frame


def _read_fast(path: Path) -> tuple[Floats, list[str]] | None:
    """Return the table and the firm ids of a valid file, or None for any file that needs a look at each cell.

    Both readers round to the nearest float64, so they return the same numbers.
    """
    # Imported here because steps that only read parquet do not need pyarrow's CSV reader.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    try:
        with _open_csv(path) as stream:
            header = [name.strip() for name in stream.readline().decode("utf-8-sig").split(",")]
            if _header_problems(header):
                return None
            texts = [FIRM_ID] if FIRM_ID in header else []
            columns = arrow_csv.read_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=arrow_csv.ReadOptions(column_names=header),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.float64()) | dict.fromkeys(texts, pa.string()),
                    include_columns=[TARGET, *RATIOS, *texts],
                    null_values=[],
                ),
            )
    except (*_DAMAGED, UnicodeDecodeError, pa.ArrowException):
        return None
    firm_ids = [text.strip() for text in columns[FIRM_ID].to_pylist()] if texts else []
    table = np.empty((len(columns), 1 + len(RATIOS)))
    for index, name in enumerate((TARGET, *RATIOS)):
        table[:, index] = columns[name].to_numpy()
    if not len(table) or not all(firm_ids) or not np.isin(table[:, 0], (0.0, 1.0)).all():
        return None
    # A NaN makes the maximum NaN, and NaN <= LARGEST is false.
    return (table, firm_ids) if all(np.abs(column).max() <= LARGEST for column in table.T) else None


def _read_cell_by_cell(path: Path) -> tuple[Floats, list[str]]:
    """Return the table and the firm ids of a file, or raise a `DataError` that lists every problem."""
    rows = _numbered_rows(path)
    _, first = next(rows, (1, []))
    header = [name.strip() for name in first]
    problems = _header_problems(header)
    # With a wrong header, the columns whose names are known are still checked.
    positions = {name: header.index(name) for name in (TARGET, *RATIOS) if name in header}
    numbers, firm_ids = array("d"), []
    for row, cells in rows:
        if not cells:
            continue
        if len(cells) != len(header):
            problems.append(f"row {row}: {len(cells)} cells, but the header has {len(header)}")
            continue
        values, row_problems = _read_row(row, cells, positions)
        problems.extend(row_problems)
        numbers.extend(values)
        if FIRM_ID in header:
            firm_ids.append(cells[header.index(FIRM_ID)].strip())
            if not firm_ids[-1]:
                problems.append(f"row {row}, column {FIRM_ID!r}: is empty")
    if not numbers and not problems:
        problems.append("the file has a header but no rows")
    if problems:
        raise _invalid_file(path.name, problems)
    return np.array(numbers, dtype=np.float64).reshape(-1, len(positions)), firm_ids


def _numbered_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    # csv and float() instead of pandas: they give each cell's row and round to the nearest float64.
    reader = csv.reader(io.StringIO(_read_text(path), newline=""))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(
            f"The data file {path.name} is not valid CSV near row {reader.line_num}: {error}.",
            "Look for a quotation mark that is never closed: it turns the rest of the file into one cell.",
        ) from error


def _read_text(path: Path) -> str:
    try:
        with _open_csv(path) as stream:
            return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"{path.name} is not UTF-8 text (byte {error.start} is invalid)."
        raise DataError(problem, "Save it as CSV in UTF-8.") from error
    except _DAMAGED as error:
        problem = f"{path.name} cannot be decompressed ({error})."
        raise DataError(problem, "Check that the file is complete.") from error


@contextmanager
def _open_csv(path: Path) -> Iterator[IO[bytes]]:
    """Open the CSV in a data file, decompressed."""
    extension = path.suffix.lower()
    with ExitStack() as stack:
        if extension == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            yield stack.enter_context(archive.open(_csv_member(path, archive)))
        else:
            yield stack.enter_context(_OPEN.get(extension, partial(open, mode="rb"))(path))


def _csv_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [
        name
        for name in archive.namelist()
        if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise DataError(
            f"{path.name} must hold exactly one .csv file, but it holds {', '.join(members) or 'none'}."
        )
    return members[0]


def _header_problems(header: Sequence[str]) -> list[str]:
    expected = (TARGET, *RATIOS)
    counts = Counter(header)
    return [
        *(f"header: column {name!r} is missing" for name in expected if name not in counts),
        *(f"header: column {name!r} is unknown" for name in counts if name not in (*expected, FIRM_ID)),
        *(f"header: column {name!r} occurs {n} times" for name, n in counts.items() if n > 1),
    ]


def _read_row(row: int, cells: Sequence[str], positions: dict[str, int]) -> tuple[list[float], list[str]]:
    numbers, problems = [], []
    for name, index in positions.items():
        number, problem = _read_cell(cells[index])
        if not problem and name == TARGET and number not in (0.0, 1.0):
            problem = "is neither 0 nor 1"
        if problem:
            cell = cells[index] if len(cells[index]) <= 30 else cells[index][:30] + "…"
            problems.append(f"row {row}, column {name!r}: {cell!r} {problem}")
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
    if "_" in cell:  # float() accepts 1_000, as Python source does
        return math.nan, "is not a number"
    if not math.isfinite(number):
        return number, "is not a finite number"
    return number, "" if abs(number) <= LARGEST else f"is beyond ±{LARGEST:g}"


def _invalid_file(name: str, problems: Sequence[str]) -> DataError:
    count = f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}"
    first = f"; the first {PROBLEMS_SHOWN} are" if len(problems) > PROBLEMS_SHOWN else ""
    lines = [f"The data file {name} cannot be used: it has {count}{first}:", *problems[:PROBLEMS_SHOWN]]
    return DataError(
        "\n".join(lines),
        f"Expected: comma-separated values with a header (row 1), {TARGET!r} as 0 or 1, and {len(RATIOS)} "
        f"ratios as finite numbers within ±{LARGEST:g}. Nothing was written.",
    )
