"""How batch transform treats data: an object's records, mini-batches, filters, and results joined to them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CSV = "text/csv"
JSON_TYPES = frozenset({"application/json", "application/jsonlines"})
MEBIBYTE = 1024 * 1024

_WHOLE = "$"
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_]\w*)"
    r"|\[(?P<names>\s*'[^']*'\s*(,\s*'[^']*'\s*)*)\]"
    r"|\[(?P<places>\s*(-?\d*:-?\d*|-?\d+)\s*(,\s*(-?\d*:-?\d*|-?\d+)\s*)*)\]"
)
_NAME = re.compile(r"'([^']*)'")


class TransformDataError(Exception):
    """Data or a filter that can't be worked with; the message is for the job's log."""


class Filter:
    """A JSONPath as `InputFilter` and `OutputFilter` take it.

    Parameters
    ----------
    expression : str
        ``$``, or ``$`` followed by any number of ``.name``, ``['name', …]`` and ``[number, from:to, …]``.

    Raises
    ------
    TransformDataError
        When it is none of these.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._steps: list[list[str | int | slice]] = []
        at = 1
        while expression.startswith(_WHOLE) and at < len(expression):
            step = _STEP.match(expression, at)
            if step is None:
                break
            self._steps.append(_choices(step))
            at = step.end()
        if not expression.startswith(_WHOLE) or at < len(expression):
            raise TransformDataError(
                f"The filter {expression!r} is not a JSONPath that batch transform takes, such as $, $[1:], "
                "$[0,5:], $.features or $['id','SageMakerOutput']."
            )

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is taken away."""
        return not self._steps

    def select(self, value: Any) -> Any:
        """Return what is kept of a JSON value.

        Raises
        ------
        TransformDataError
            When a name or a number is not there.
        """
        for choices in self._steps:
            value = self._step(value, choices)
        return value

    def cells(self, row: list[bytes]) -> list[bytes]:
        """Return the cells that are kept of a line of CSV."""
        kept = self.select(row)
        return kept if isinstance(kept, list) else [kept]

    def _step(self, value: Any, choices: Sequence[str | int | slice]) -> Any:
        try:
            if len(choices) == 1:
                return value[choices[0]]
            if isinstance(value, Mapping):
                return {choice: value[choice] for choice in choices}
            kept: list[Any] = []
            for choice in choices:
                kept.extend(value[choice] if isinstance(choice, slice) else [value[choice]])
        except (IndexError, KeyError, TypeError) as error:
            raise TransformDataError(f"The filter {self.expression} finds nothing in a record.") from error
        return kept


def _choices(step: re.Match[str]) -> list[str | int | slice]:
    if step["name"]:
        return [step["name"]]
    if step["names"]:
        return list(_NAME.findall(step["names"]))
    return [_place(text.strip()) for text in step["places"].split(",")]


def _place(text: str) -> int | slice:
    if ":" not in text:
        return int(text)
    start, end = (int(part) if part else None for part in text.split(":"))
    return slice(start, end)


@dataclass(frozen=True)
class Processing:
    """What a job does with each record before and after the container sees it.

    Attributes
    ----------
    content_type, accept
        Types without parameters: of the input, and of the container's answers.
    input_filter, output_filter
        What of a record is sent, what of the (joined) result is kept.
    join
        Whether the results are joined to their records.
    """

    content_type: str
    accept: str
    input_filter: Filter
    output_filter: Filter
    join: bool

    @property
    def reads_records(self) -> bool:
        """Whether records and results have to be told apart, or bodies can pass as they are."""
        return self.join or not (self.input_filter.keeps_all and self.output_filter.keeps_all)

    def request_body(self, records: Sequence[bytes]) -> bytes:
        """Return what is sent to the container for a mini-batch."""
        if not self.input_filter.keeps_all:
            convert = _filtered_csv if self.content_type == CSV else _filtered_json
            records = [convert(record, self.input_filter) for record in records]
        return b"\n".join(records)

    def results(self, records: Sequence[bytes], answer: bytes) -> list[bytes]:
        """Return a mini-batch's lines of output.

        Raises
        ------
        TransformDataError
            When the answer has not as many lines as there are records, or a filter finds nothing.
        """
        answer = answer.removesuffix(b"\n")
        if not self.reads_records:
            return [answer]
        lines = answer.split(b"\n")
        if len(lines) != len(records):
            raise TransformDataError(
                f"The container answered {len(lines)} lines to {len(records)} records; to join or filter "
                "results it must answer one line for each."
            )
        if self.accept == CSV:
            return [self._csv_result(record, line) for record, line in zip(records, lines, strict=True)]
        return [self._json_result(record, line) for record, line in zip(records, lines, strict=True)]

    def _csv_result(self, record: bytes, line: bytes) -> bytes:
        cells = [*_cells(record), *_cells(line)] if self.join else _cells(line)
        return _csv_line(self.output_filter.cells(cells))

    def _json_result(self, record: bytes, line: bytes) -> bytes:
        result = _parsed(line)
        if self.join:
            given = _parsed(record)
            base = given if isinstance(given, dict) else {"SageMakerInput": given}
            result = {**base, "SageMakerOutput": result}
        return _json_line(self.output_filter.select(result))


def _filtered_csv(record: bytes, kept: Filter) -> bytes:
    return _csv_line(kept.cells(_cells(record)))


def _filtered_json(record: bytes, kept: Filter) -> bytes:
    return _json_line(kept.select(_parsed(record)))


def _cells(line: bytes) -> list[bytes]:
    line = line.rstrip(b"\r")
    if b'"' not in line:
        return line.split(b",")
    cells = next(csv.reader([line.decode("utf-8", "surrogateescape")]), [])
    return [cell.encode("utf-8", "surrogateescape") for cell in cells]


def _csv_line(cells: list[bytes]) -> bytes:
    line = b",".join(cells)
    # A cell that holds a comma makes more commas than there are gaps between cells.
    if b'"' not in line and line.count(b",") == len(cells) - 1:
        return line
    written = io.StringIO()
    texts = [cell.decode("utf-8", "surrogateescape") for cell in cells]
    csv.writer(written, lineterminator="").writerow(texts)
    return written.getvalue().encode("utf-8", "surrogateescape")


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise TransformDataError(f"A record or a result is not JSON: {error}.") from error


def _json_line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def mini_batches(records: Iterable[bytes], *, largest: int, single: bool) -> Iterator[list[bytes]]:
    """Group records into mini-batches.

    Parameters
    ----------
    records : iterable of bytes
        Without their line ends.
    largest : int
        Bytes of a mini-batch; 0 for no limit.
    single : bool
        One record each.

    Raises
    ------
    TransformDataError
        When one record alone is larger.
    """
    batch: list[bytes] = []
    size = 0
    for number, record in enumerate(records, start=1):
        if largest and len(record) > largest:
            raise TransformDataError(
                f"Record {number} has {len(record)} bytes, more than MaxPayloadInMB allows ({largest})."
            )
        if batch and (single or (largest and size + len(record) + 1 > largest)):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record) + 1
    if batch:
        yield batch


def lines_of(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield a stream's lines without their ends; memory does not grow with the stream."""
    for line in stream:
        yield line.removesuffix(b"\n")


SPLITTERS: dict[str, Callable[[io.BufferedIOBase], Iterator[bytes]]] = {
    "Line": lines_of,
    "None": lambda stream: iter([stream.read()]),
}
