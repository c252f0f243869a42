"""Splits the text of a table into records, and finds malformed lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple

# A quoted cell that is longer than this counts as never closed.
MOST_LINES = 100
MOST_BYTES = 1_000_000
csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))


class Record(NamedTuple):
    """A record: the number of its first line, from 1, and its cells."""

    line: int
    cells: list[str]


class BadRecord(NamedTuple):
    """A line that can't be read: its number, and the problem as the rest of a sentence."""

    line: int
    problem: str


@dataclass(frozen=True)
class Block:
    """Consecutive lines of a table.

    Attributes
    ----------
    first_line
        The number of the first line.
    text
        The lines as UTF-8, each with LF at its end, if none has a quotation mark: then each line is a record.
        Otherwise empty.
    lines
        How many lines `text` has.
    parsed
        The records, if there is a quotation mark.
    """

    first_line: int
    text: bytes = b""
    lines: int = 0
    parsed: Sequence[Record | BadRecord] = ()

    def records(self, width: int | None = None) -> Iterator[Record | BadRecord]:
        """Yield the records; those with another number of cells than `width` are bad. Skip blank lines."""
        for record in self.parsed or self._plain_records():
            if isinstance(record, BadRecord) or width is None or len(record.cells) == width:
                yield record
            else:
                cells = f"{len(record.cells)} cell{'' if len(record.cells) == 1 else 's'}"
                yield BadRecord(record.line, f"has {cells} instead of {width}")

    def _plain_records(self) -> Iterator[Record | BadRecord]:
        for number, line in enumerate(self.text.decode().split("\n"), start=self.first_line):
            if line and not line.isspace():
                yield _record(number, line)


def split(pieces: Iterable[bytes]) -> Iterator[Block]:
    """Split a text in UTF-8 into blocks; the first record begins a block.

    Commas separate cells. A quoted cell can contain commas, line breaks and doubled quotation marks, as in
    RFC 4180. Lines end in LF, CRLF or CR. After a line that can't be read, reading resumes on the next line.
    """
    rest, number, has_header = b"", 1, False
    for piece in chain(pieces, (None,)):
        at_end = piece is None
        rest += piece or b""
        while end := len(rest) if at_end else _last_line_end(rest):
            # A plain header is a block of its own, so that the next one contains only rows.
            first = 0 if has_header else _first_line_end(rest)
            if first and b'"' not in rest[:first]:
                end = first
            whole, rest = rest[:end], rest[end:]
            if b'"' in whole or _has_long_line(whole):
                block, left = _parsed_block(whole, number, at_end=at_end)
            else:
                block, left = _plain_block(whole, number), b""
            if block.parsed or (block.text and not block.text.isspace()):
                yield block
                has_header = True
            number += block.lines
            if left:  # a quoted cell goes on in the next piece
                rest = left + rest
                break
        last = _last_line_end(rest)
        if len(rest) - last > MOST_BYTES:
            # Still too long, which is an error. A CR at the end is kept, as it may end the line.
            end_of_line = b"\r" if rest.endswith(b"\r") else b""
            rest = rest.removesuffix(b"\r")[: last + MOST_BYTES + 1] + end_of_line


def _plain_block(whole: bytes, number: int) -> Block:
    """Return a block of whole lines without quotation marks."""
    if b"\r" in whole:
        whole = whole.replace(b"\r\n", b"\n")
        if b"\r" in whole:
            whole = whole.replace(b"\r", b"\n")
    return Block(number, whole, whole.count(b"\n") + (not whole.endswith(b"\n")))


def _parsed_block(whole: bytes, number: int, *, at_end: bool) -> tuple[Block, bytes]:
    """Return a block of whole lines, and the text of a record at its end that may continue."""
    # Only a line that was cut off because it is too long can have invalid bytes.
    lines = list(io.StringIO(whole.decode(errors="replace"), newline=""))
    parsed: list[Record | BadRecord] = []
    index = 0
    while index < len(lines):
        record, used = _parse(lines, index, number + index, at_end=at_end)
        if not used:
            break
        if record is not None:
            parsed.append(record)
        index += used
    return Block(number, b"", index, parsed), "".join(lines[index:]).encode()


def _parse(
    lines: list[str], index: int, number: int, *, at_end: bool
) -> tuple[Record | BadRecord | None, int]:
    """Return the record that begins at a line (None for a blank line), and how many lines it has.

    The number of lines is 0 if the record may continue in the next piece of the text.
    """
    line = lines[index]
    if len(line) > MOST_BYTES or (not line.isascii() and len(line.encode()) > MOST_BYTES):
        return BadRecord(number, f"has more than {MOST_BYTES:,} bytes"), 1
    if '"' not in line:
        text = line.rstrip("\r\n")
        return (_record(number, text) if text and not text.isspace() else None), 1
    # Most records have one line, so that is tried first.
    window = [line]
    for window in ([line], _window(lines, index)):
        reader = csv.reader(window, strict=True)
        try:
            return Record(number, next(reader)), reader.line_num
        except csv.Error as error:
            if not str(error).startswith("unexpected end"):
                return BadRecord(number, "has text after a closing quotation mark"), 1
    reaches_end = index + len(window) == len(lines)
    if reaches_end and not at_end and len(window) < MOST_LINES:
        return None, 0
    return BadRecord(number, "has a quotation mark that is never closed"), 1


def _window(lines: list[str], index: int) -> list[str]:
    """Return the lines that a record may have."""
    window = lines[index : index + MOST_LINES]
    ends = accumulate(map(len, window))
    return window[: sum(end <= MOST_BYTES for end in ends)]


def _record(number: int, line: str) -> Record | BadRecord:
    if not line.strip(","):
        return BadRecord(number, "has only empty cells; remove the line")
    return Record(number, line.split(","))


def _first_line_end(text: bytes) -> int:
    """Return the index after the first line; 0 if the line may continue."""
    ends = [end for end in (text.find(b"\n"), text.find(b"\r")) if end >= 0]
    if not ends:
        return 0
    end = min(ends)
    return end + 2 if text[end : end + 2] == b"\r\n" else end + 1


def _last_line_end(text: bytes) -> int:
    """Return the index after the last whole line. A CR at the end may be the first half of a CRLF."""
    return max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1


def _has_long_line(text: bytes) -> bool:
    position = 0
    while len(text) - position > MOST_BYTES:
        end = position + MOST_BYTES + 1
        found = max(text.rfind(b"\n", position, end), text.rfind(b"\r", position, end))
        if found < 0:
            return True
        position = found + 1
    return False
