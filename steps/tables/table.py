"""Reads a table block by block: its header, then its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO

from steps.job import DataError
from steps.tables.open import open_plain, read_utf8
from steps.tables.records import BadRecord, Block, Record, split


class Table:
    """A table that is read once, from its start to its end.

    Parameters
    ----------
    pieces
        The text as UTF-8, in pieces.
    name
        The file's name, for messages.

    Attributes
    ----------
    header
        The names of the columns, without the spaces around them.

    Raises
    ------
    DataError
        If there is no header.
    """

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self.name = name
        self._blocks = split(pieces)
        first = next(self._blocks, None)
        if first is None:
            raise DataError(f"{name} is empty.")
        header, *rows = first.records()
        if isinstance(header, BadRecord):
            raise DataError(f"The header of {name}, line {header.line}, {header.problem}.")
        self.header = tuple(cell.strip() for cell in header.cells)
        self._first_rows = Block(header.line + 1, parsed=rows)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks after the header."""
        return chain([self._first_rows], self._blocks)

    def rows(self) -> Iterator[Record | BadRecord]:
        """Yield the rows; a row with a wrong number of cells is bad."""
        for block in self.blocks():
            yield from block.records(len(self.header))


@contextmanager
def open_table(raw: IO[bytes], name: str) -> Iterator[Table]:
    """Open a table: CSV in UTF-8 or UTF-16, compressed or not.

    Raises
    ------
    DataError
        If it is damaged, not a table, empty, or in another encoding. Also raised while it is read.
    """
    with open_plain(raw, name) as stream:
        yield Table(read_utf8(stream), name)
