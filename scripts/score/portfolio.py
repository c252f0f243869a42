"""A portfolio, a file of companies that may be larger than memory: its lines, the bad ones, the result's."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO

from scripts.companies.columns import no_such_name, problem_of_header
from scripts.text import counted
from steps.dataset.columns import LARGEST

BLOCK_LINES = 4000
_UNWRITABLE = "holds half a character, which no file can be written with"
_EMPTY = "The portfolio is empty."
# What the model says of a company.
LINE = "line"
RESULT = ("prediction", "probability_bankrupt", "risk_level")


class PortfolioError(Exception):
    """A file that can't be read as a portfolio at all."""


class Form(StrEnum):
    """What a line of a file is."""

    CSV = "csv"
    LINES = "jsonl"


class Company(NamedTuple):
    """A good line.

    Attributes
    ----------
    line
        Its number in the file, from 1; a CSV's header is line 1.
    numbers
        What the model takes, in its order, as cells of CSV.
    kept
        The values to keep beside the result.
    """

    line: int
    numbers: str
    kept: tuple[Any, ...]


class BadLine(NamedTuple):
    """A line that can't be scored: its number, the first column that is wrong, and what is wrong there."""

    line: int
    column: str
    problem: str


Row = Company | BadLine


@dataclass(frozen=True)
class Portfolio:
    """A portfolio's lines, and the names of the values kept beside the result."""

    kept: tuple[str, ...]
    rows: Iterator[Row]


def form_of(name: str) -> Form:
    """Return the form that a file's name says.

    Raises
    ------
    PortfolioError
        When it says none.
    """
    plain = name.lower().removesuffix(".gz")
    for form in Form:
        if plain.endswith(f".{form}"):
            return form
    raise PortfolioError(f"{name} must end in .csv or .jsonl (or either with .gz), which says what it holds.")


@contextmanager
def open_text(stream: IO[bytes], name: str) -> Iterator[TextIO]:
    """Read a stream as UTF-8 text, unpacked where its name ends in .gz; other bytes pass unharmed."""
    packed = name.lower().endswith(".gz")
    plain: Any = gzip.GzipFile(fileobj=stream) if packed else stream
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise PortfolioError(f"{name} can't be unpacked ({error}). Is the file whole?") from error
    finally:
        text.close()


def read(lines: TextIO, form: Form, features: Sequence[str], keep: Sequence[str] | None) -> Portfolio:
    """Read a portfolio.

    Parameters
    ----------
    lines
        A row is a line: in CSV, too, no cell holds a line's end.
    form
        CSV with a header, its columns in any order; or JSON Lines: an object of names and values each,
        with the ratios beside the other values or in an object `features`.
    features
        The names of what the model takes, in its order.
    keep
        Names of values to keep beside the result; None for the first one, if the model doesn't take it.

    Raises
    ------
    PortfolioError
        When there is no line, or the header lacks what is needed.
    """
    for name in keep or ():
        _check_name(name)
    return (_read_csv if form is Form.CSV else _read_lines)(lines, features, keep)


def _check_name(name: str) -> None:
    if name in (LINE, *RESULT):
        raise PortfolioError(
            f"{name!r} can't be kept: the result has a column of that name. Rename it in the portfolio, or "
            "name another column with --id."
        )


def _read_csv(lines: TextIO, features: Sequence[str], keep: Sequence[str] | None) -> Portfolio:
    first = next(lines, "")
    if not first:
        raise PortfolioError(_EMPTY)
    try:
        header = [name.strip() for name in _cells(first)]
    except csv.Error as error:
        raise PortfolioError(f"The header is not CSV: {error}.") from error
    if keep is None:
        # The line's number is in the result all the same.
        keep = [] if header[0] in (*features, LINE, *RESULT) else header[:1]
    problem = problem_of_header(header, features, keep)
    if problem:
        raise PortfolioError(f"The portfolio {problem}")
    taken = _picker([header.index(name) for name in features])
    kept = _picker([header.index(name) for name in keep])
    return Portfolio(tuple(keep), _checked(_csv_rows(lines, len(header), taken, kept), features))


def _csv_rows(
    lines: TextIO,
    width: int,
    taken: Callable[[list[str]], tuple[str, ...]],
    kept: Callable[[list[str]], tuple[str, ...]],
) -> Iterator[Row]:
    for number, line in enumerate(lines, start=2):
        text = line.rstrip("\r\n")
        try:
            cells = _cells(text)
        except csv.Error as error:
            yield BadLine(number, "", f"is not CSV: {error}")
            continue
        if len(cells) == width:
            yield Company(number, ",".join(taken(cells)), kept(cells))
        elif text:
            yield BadLine(number, "", f"has {counted(len(cells), 'cell')} where the header has {width}")


def _checked(rows: Iterator[Row], features: Sequence[str]) -> Iterator[Row]:
    """Yield the rows with companies whose numbers are none turned into bad lines."""
    while block := list(islice(rows, BLOCK_LINES)):
        # Most blocks are good, which is much faster seen of the whole than of each line.
        if _are_good([row.numbers for row in block if isinstance(row, Company)], len(features)):
            yield from block
        else:
            yield from (_check(row, features) if isinstance(row, Company) else row for row in block)


def _are_good(lines: list[str], width: int) -> bool:
    """Return whether all lines hold numbers alone; False can also mean that one is written unusually."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [str(place) for place in range(width)]
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    if text.startswith(codecs.BOM_UTF8):
        return False  # Arrow passes it over
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(column_names=names),
            parse_options=arrow_csv.ParseOptions(quote_char=False),  # cells have been taken out of theirs
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float64()), null_values=[]
            ),
        )
    except pa.ArrowInvalid:
        return False
    # The largest of numbers of which one is NaN is NaN, and less than nothing.
    return len(table) == len(lines) and all(
        abs(column.to_numpy()).max() <= LARGEST for column in table.itercolumns()
    )


def _check(row: Company, features: Sequence[str]) -> Row:
    cells = row.numbers.split(",")
    if len(cells) != len(features):
        return BadLine(row.line, "", "has a comma within a number")
    found = [(name, wrong) for name, cell in zip(features, cells, strict=True) if (wrong := _wrong(cell))]
    if not found:
        return row
    name, problem = found[0]
    more = len(found) - 1
    others = f" (and {counted(more, 'more column')} {'is' if more == 1 else 'are'} wrong)" if more else ""
    return BadLine(row.line, name, problem + others)


def _read_lines(lines: TextIO, features: Sequence[str], keep: Sequence[str] | None) -> Portfolio:
    first = lines.readline()
    if not first:
        raise PortfolioError(_EMPTY)
    if keep is None:
        try:
            name = next(iter(json.loads(first).keys()))
        except (ValueError, AttributeError, StopIteration, RecursionError):
            raise PortfolioError(
                "The first line is not a JSON object of names and values, such as "
                '{"id": "A-17", "Debt ratio %": 0.4, …}.'
            ) from None
        keep = [] if name in (*features, "features", LINE, *RESULT) else [name]
        if not _is_writable(name):
            raise PortfolioError(f"The name {name!r} {_UNWRITABLE}.")
    else:
        _check_kept(first, features, keep)
    return Portfolio(tuple(keep), _checked(_json_rows(first, lines, features, keep), features))


def _check_kept(first: str, features: Sequence[str], keep: Sequence[str]) -> None:
    """Refuse names that the first line doesn't have: each line would be without them in the result."""
    with suppress(ValueError, RecursionError):  # then it is told as a bad line
        given = json.loads(first)
        for name in keep if isinstance(given, dict) else ():
            if name not in given:
                raise PortfolioError(f"The first line {no_such_name(name, given, features)}")


def _json_rows(first: str, lines: TextIO, features: Sequence[str], keep: Sequence[str]) -> Iterator[Row]:
    def numbered() -> Iterator[tuple[int, str]]:
        yield 1, first
        yield from enumerate(lines, start=2)

    for number, line in numbered():
        if not line.strip():
            continue
        try:
            given = json.loads(line, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            yield BadLine(number, "", f"is not JSON: {error}")
            continue
        if not isinstance(given, dict):
            yield BadLine(number, "", "is not a JSON object of names and values")
            continue
        inner = given.get("features")
        named = inner if isinstance(inner, dict) else given
        ratios = {name.strip(): value for name, value in named.items()}
        missing = [name for name in features if name not in ratios]
        if missing:
            yield BadLine(number, missing[0], f"is missing, as one of {len(missing)}")
            continue
        kept = tuple(given.get(name) for name in keep)
        if not all(map(_is_writable, kept)):
            yield BadLine(number, "", _UNWRITABLE)
            continue
        yield Company(number, ",".join(_text(ratios[name]) for name in features), kept)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is given more than once")
    return made


def _text(value: Any) -> str:
    """Return a JSON value as a cell: no number in any other type."""
    if type(value) in (int, float):
        return repr(value)
    return "" if value is None else type(value).__name__


def _is_writable(value: Any) -> bool:
    """Return whether a value can be written beside a result, as a lone surrogate of JSON can't."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _wrong(cell: str) -> str:
    """Return what is wrong with a number's text, nothing if it is right."""
    if not cell.strip():
        return "is empty"
    try:
        number = float(cell)
    except ValueError:
        return "is not a number"
    # float() takes Python's 1_000 and the digits of every script.
    if "_" in cell or not cell.isascii():
        return "is not a number"
    if not isfinite(number):
        return "is not a finite number"
    return f"is beyond ±{LARGEST:g}" if abs(number) > LARGEST else ""


def _cells(line: str) -> list[str]:
    text = line.rstrip("\r\n")
    return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")


def _picker(places: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """Return what picks cells by place; itemgetter alone gives no tuple for fewer than two."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda cells: tuple(cells[place] for place in places)


def result_writer(
    form: Form, target: TextIO, kept: Sequence[str]
) -> Callable[[Sequence[Any], Sequence[str]], None]:
    """Return what writes a result: the line's number and what was kept, and the text of `RESULT`."""
    names = [LINE, *kept]
    if form is Form.CSV:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*names, *RESULT])
        return lambda values, cells: writer.writerow([*map(_as_cell, values), *cells])

    def write(values: Sequence[Any], cells: Sequence[str]) -> None:
        prediction, probability, level = cells
        result = zip(RESULT, (int(float(prediction)), float(probability), level), strict=True)
        row = dict(zip(names, values, strict=True)) | dict(result)
        target.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _as_cell(value: Any) -> Any:
    """Return what of JSON Lines is kept as a cell of CSV: texts and numbers as they are, the rest as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | dict | list) else value


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """Write a file as UTF-8 text; what is kept of a line that is not UTF-8 goes out as it came in."""
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        yield file
