"""Data of batch transform: splits objects into records and mini-batches, filters records, joins results."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CSV = "text/csv"
MEBIBYTE = 1024 * 1024

_FILTER = re.compile(
    r"\$(\.(?P<name>[A-Za-z_]\w*)"
    r"|\[(?P<names>\s*'[^']*'\s*(,\s*'[^']*'\s*)*)\]"
    r"|\[(?P<indices>\s*(-?\d*:-?\d*|-?\d+)\s*(,\s*(-?\d*:-?\d*|-?\d+)\s*)*)\])?"
)


class TransformDataError(Exception):
    """Data or a filter that cannot be processed; the message goes to the job's log."""


class Filter:
    """An `InputFilter` or `OutputFilter`.

    Parameters
    ----------
    expression : str
        One of the JSONPaths ``$``, ``$.name``, ``$['name', …]`` and ``$[index, from:to, …]``.

    Raises
    ------
    TransformDataError
        If the expression has another form.
    """

    def __init__(self, expression: str) -> None:
        match = _FILTER.fullmatch(expression)
        if match is None:
            raise TransformDataError(
                f"The filter {expression!r} is not a JSONPath that local AWS supports; examples are $, "
                "$[1:], $[0,5:], $.features and $['id','SageMakerOutput']."
            )
        self.expression = expression
        self._choices: list[str | int | slice] = []
        if match["name"]:
            self._choices = [match["name"]]
        elif match["names"]:
            self._choices = list(re.findall(r"'([^']*)'", match["names"]))
        elif match["indices"]:
            self._choices = [_index_or_slice(text.strip()) for text in match["indices"].split(",")]

    @property
    def keeps_all(self) -> bool:
        """Whether the filter is ``$``, which keeps everything."""
        return not self._choices

    def select(self, value: Any) -> Any:
        """Return the part of a JSON value that the filter keeps.

        Raises
        ------
        TransformDataError
            If the value has no such name or index.
        """
        choices = self._choices
        if not choices:
            return value
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

    def select_fields(self, fields: list[bytes]) -> list[bytes]:
        """Return the fields of a CSV line that the filter keeps."""
        kept = self.select(fields)
        return kept if isinstance(kept, list) else [kept]


def _index_or_slice(text: str) -> int | slice:
    if ":" not in text:
        return int(text)
    start, end = (int(part) if part else None for part in text.split(":"))
    return slice(start, end)


@dataclass(frozen=True)
class Processing:
    """The processing of a record before and after inference.

    Attributes
    ----------
    content_type, accept
        Media types, without parameters, of the input and of the container's answers.
    input_filter, output_filter
        Filters for the records that are sent and for the (joined) results.
    join
        Whether results are joined to their records.
    """

    content_type: str
    accept: str
    input_filter: Filter
    output_filter: Filter
    join: bool

    @property
    def reads_records(self) -> bool:
        """Whether single records and results must be parsed; otherwise whole bodies are passed on."""
        return self.join or not (self.input_filter.keeps_all and self.output_filter.keeps_all)

    def request_body(self, records: Sequence[bytes]) -> bytes:
        """Return the request body of a mini-batch."""
        if not self.input_filter.keeps_all:
            convert = _filtered_csv if self.content_type == CSV else _filtered_json
            records = [convert(record, self.input_filter) for record in records]
        return b"\n".join(records)

    def results(self, records: Sequence[bytes], answer: bytes) -> list[bytes]:
        """Return the output lines of a mini-batch.

        Raises
        ------
        TransformDataError
            If the answer does not have one line per record, or a filter finds nothing.
        """
        answer = answer.removesuffix(b"\n")
        if not self.reads_records:
            return [answer]
        lines = answer.split(b"\n")
        if len(lines) != len(records):
            raise TransformDataError(
                f"The container answered {len(records)} records with {len(lines)} lines; joining or "
                "filtering results needs one line per record."
            )
        if self.accept == CSV:
            return [self._csv_result(record, line) for record, line in zip(records, lines, strict=True)]
        return [self._json_result(record, line) for record, line in zip(records, lines, strict=True)]

    def _csv_result(self, record: bytes, line: bytes) -> bytes:
        fields = [*_split_csv(record), *_split_csv(line)] if self.join else _split_csv(line)
        return _join_csv(self.output_filter.select_fields(fields))

    def _json_result(self, record: bytes, line: bytes) -> bytes:
        result = _parsed(line)
        if self.join:
            source = _parsed(record)
            base = source if isinstance(source, dict) else {"SageMakerInput": source}
            result = {**base, "SageMakerOutput": result}
        return _json_line(self.output_filter.select(result))


def _filtered_csv(record: bytes, kept: Filter) -> bytes:
    return _join_csv(kept.select_fields(_split_csv(record)))


def _filtered_json(record: bytes, kept: Filter) -> bytes:
    return _json_line(kept.select(_parsed(record)))


def _split_csv(line: bytes) -> list[bytes]:
    line = line.rstrip(b"\r")
    if b'"' not in line:
        return line.split(b",")
    fields = next(csv.reader([line.decode("utf-8", "surrogateescape")]), [])
    return [field.encode("utf-8", "surrogateescape") for field in fields]


def _join_csv(fields: list[bytes]) -> bytes:
    line = b",".join(fields)
    # More commas than gaps between fields means that a field contains a comma and needs quotes.
    if b'"' not in line and line.count(b",") == len(fields) - 1:
        return line
    written = io.StringIO()
    texts = [field.decode("utf-8", "surrogateescape") for field in fields]
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
        Records without line ends.
    largest : int
        Maximum bytes of a mini-batch; 0 for no limit.
    single : bool
        Whether each record is its own mini-batch.

    Raises
    ------
    TransformDataError
        If a single record is larger than `largest`.
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
    """Yield the lines of a stream without line ends, one at a time to bound memory."""
    for line in stream:
        yield line.removesuffix(b"\n")


SPLITTERS: dict[str, Callable[[io.BufferedIOBase], Iterator[bytes]]] = {
    "Line": lines_of,
    "None": lambda stream: iter([stream.read()]),
}
