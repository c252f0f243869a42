"""Reads a portfolio, a file of companies that may be larger than memory, and finds its bad lines."""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any, NamedTuple, TextIO

from inference.numbers import LARGEST
from scripts.companies.header import CompanyFileError, header_problem, picker, unknown_name
from scripts.companies.numbers import number_problem
from scripts.score.results import LINE, RESULT, Form
from scripts.text import counted

BLOCK_LINES = 4000
_UNWRITABLE = "contains half a character (a lone surrogate), which can't be written to a file"
_EMPTY = "The portfolio is empty."


class Company(NamedTuple):
    """A valid line.

    Attributes
    ----------
    line
        Its line number, from 1; the header of a CSV file is line 1.
    numbers
        The model's features in its order, as CSV cells.
    kept
        The values to keep next to the result.
    """

    line: int
    numbers: str
    kept: tuple[Any, ...]


class BadLine(NamedTuple):
    """A line that can't be scored: its line number, the first wrong column, and the problem."""

    line: int
    column: str
    problem: str


Row = Company | BadLine


@dataclass(frozen=True)
class Portfolio:
    """The lines of a portfolio, and the names of the values that are kept next to the result."""

    kept: tuple[str, ...]
    rows: Iterator[Row]


@contextmanager
def open_text(stream: IO[bytes], name: str) -> Iterator[TextIO]:
    """Read a stream as UTF-8 text, decompressed if its name ends in .gz; other bytes are kept unchanged."""
    packed = name.lower().endswith(".gz")
    plain: Any = gzip.GzipFile(fileobj=stream) if packed else stream
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CompanyFileError(f"{name} can't be decompressed ({error}).", "Is the file complete?") from error
    finally:
        text.close()


def read(lines: TextIO, form: Form, features: Sequence[str], keep: Sequence[str] | None) -> Portfolio:
    """Read a portfolio.

    Parameters
    ----------
    lines
        The text. Each line is one company; CSV cells must not contain line breaks.
    form
        CSV with a header and the columns in any order; or JSON Lines, one object of names and values per
        line, whose ratios may also be in an object `features`.
    features
        The names of the model's features in its order.
    keep
        Names of values to keep next to the result; None for the first one, unless it is a feature.

    Raises
    ------
    CompanyFileError
        If the file is empty, or its header lacks columns.
    """
    for name in keep or ():
        _check_name(name)
    return (_read_csv if form is Form.CSV else _read_lines)(lines, features, keep)


def _check_name(name: str) -> None:
    if name in (LINE, *RESULT):
        raise CompanyFileError(
            f"{name!r} can't be kept: the result has a column of that name.",
            "Rename it in the portfolio, or choose another column with --id.",
        )


def _read_csv(lines: TextIO, features: Sequence[str], keep: Sequence[str] | None) -> Portfolio:
    first = next(lines, "")
    if not first:
        raise CompanyFileError(_EMPTY)
    try:
        header = [name.strip() for name in _split(first)]
    except csv.Error as error:
        raise CompanyFileError(f"The header is not valid CSV: {error}.") from error
    if keep is None:
        keep = [] if header[0] in (*features, LINE, *RESULT) else header[:1]
    problem = header_problem(header, features, keep)
    if problem:
        raise CompanyFileError(f"The portfolio {problem}")
    features_of = picker([header.index(name) for name in features])
    kept = picker([header.index(name) for name in keep])
    return Portfolio(tuple(keep), _checked(_csv_rows(lines, len(header), features_of, kept), features))


def _csv_rows(
    lines: TextIO,
    width: int,
    features_of: Callable[[list[str]], tuple[str, ...]],
    kept: Callable[[list[str]], tuple[str, ...]],
) -> Iterator[Row]:
    for number, line in enumerate(lines, start=2):
        text = line.rstrip("\r\n")
        try:
            cells = _split(text)
        except csv.Error as error:
            yield BadLine(number, "", f"is not valid CSV: {error}")
            continue
        if len(cells) == width:
            yield Company(number, ",".join(features_of(cells)), kept(cells))
        elif text:
            yield BadLine(number, "", f"has {counted(len(cells), 'cell')} instead of {width}")


def _checked(rows: Iterator[Row], features: Sequence[str]) -> Iterator[Row]:
    """Yield the rows; companies with invalid numbers become bad lines."""
    while block := list(islice(rows, BLOCK_LINES)):
        # Most blocks are valid, and checking a whole block is much faster than checking each line.
        if _are_good([row.numbers for row in block if isinstance(row, Company)], len(features)):
            yield from block
        else:
            yield from (_check(row, features) if isinstance(row, Company) else row for row in block)


def _are_good(lines: list[str], width: int) -> bool:
    """Return whether all cells are numbers; may return False because of an unusual notation."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [str(index) for index in range(width)]
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    if text.startswith(codecs.BOM_UTF8):
        return False  # Arrow would skip it
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(column_names=names),
            parse_options=arrow_csv.ParseOptions(quote_char=False),  # cells are already unquoted
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float64()), null_values=[]
            ),
        )
    except pa.ArrowInvalid:
        return False
    # If a column has a NaN, its maximum is NaN, and this comparison is False.
    return len(table) == len(lines) and all(
        abs(column.to_numpy()).max() <= LARGEST for column in table.itercolumns()
    )


def _check(row: Company, features: Sequence[str]) -> Row:
    cells = row.numbers.split(",")
    if len(cells) != len(features):
        return BadLine(row.line, "", "has a comma in a number")
    found = [
        (name, wrong) for name, cell in zip(features, cells, strict=True) if (wrong := number_problem(cell))
    ]
    if not found:
        return row
    name, problem = found[0]
    return BadLine(row.line, name, problem + _and_more(len(found) - 1, "wrong"))


def _and_more(count: int, state: str) -> str:
    return f" (and {counted(count, 'more column')} {'is' if count == 1 else 'are'} {state})" if count else ""


def _read_lines(lines: TextIO, features: Sequence[str], keep: Sequence[str] | None) -> Portfolio:
    first = lines.readline()
    if not first:
        raise CompanyFileError(_EMPTY)
    if keep is None:
        try:
            name = next(iter(json.loads(first).keys()))
        except (ValueError, AttributeError, StopIteration, RecursionError):
            raise CompanyFileError(
                "The first line is not a JSON object of names and values, such as "
                '{"id": "A-17", "Debt ratio %": 0.4, …}.'
            ) from None
        keep = [] if name in (*features, "features", LINE, *RESULT) else [name]
        if not _is_writable(name):
            raise CompanyFileError(f"The name {name!r} {_UNWRITABLE}.")
    else:
        _check_kept(first, features, keep)
    return Portfolio(tuple(keep), _checked(_json_rows(first, lines, features, keep), features))


def _check_kept(first: str, features: Sequence[str], keep: Sequence[str]) -> None:
    """Raise an error if the first line lacks a name; every result would lack its value."""
    with suppress(ValueError, RecursionError):  # such a first line becomes a bad line
        given = json.loads(first)
        for name in keep if isinstance(given, dict) else ():
            if name not in given:
                raise CompanyFileError(f"The first line {unknown_name(name, given, features)}")


def _json_rows(first: str, lines: TextIO, features: Sequence[str], keep: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(chain([first], lines), start=1):
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
            yield BadLine(number, missing[0], f"is missing{_and_more(len(missing) - 1, 'missing')}")
            continue
        kept = tuple(given.get(name) for name in keep)
        if not all(map(_is_writable, kept)):
            yield BadLine(number, "", _UNWRITABLE)
            continue
        yield Company(number, ",".join(_text(ratios[name]) for name in features), kept)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a name occurs more than once")
    return unique


def _text(value: Any) -> str:
    """Return a JSON value as a cell; values that are not numbers become invalid cells."""
    if type(value) in (int, float):
        return repr(value)
    return "" if value is None else type(value).__name__


def _is_writable(value: Any) -> bool:
    """Return whether a value can be written to a file; JSON may contain lone surrogates, which can't."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _split(line: str) -> list[str]:
    text = line.rstrip("\r\n")
    return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
