"""Company files that are read one company at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from scripts.companies.errors import CompanyFileError, table_errors
from scripts.companies.output import LINE


class Company(NamedTuple):
    """A company of a file.

    Attributes
    ----------
    number
        Its first line in a CSV or JSON Lines file, its position in a JSON list, or the row of a data file.
    ids
        The values that identify it.
    content
        Its cells or JSON value; a `ValueError` if it can't be read.
    """

    number: int
    ids: tuple[Any, ...]
    content: Any


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file; raise a CompanyFileError if it can't be read, or if the shared reader rejects it."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise CompanyFileError(
            f"{path} can't be read ({error.strerror}).", "Give a CSV, JSON or JSON Lines file."
        ) from error
    with raw, table_errors():
        yield raw


class CompanyFile:
    """A file that is read one company at a time."""

    unit = LINE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: BinaryIO | None = None
        self.size = path.stat().st_size if path.is_file() else 0
        self.count = 0
        self.ids: tuple[str, ...] = ()
        self.ignored_columns = ""

    @property
    def position(self) -> int:
        """How many of the file's `size` bytes have been read, for `count` companies."""
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self.size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file, so that `position` follows it."""
        with opened(self._path) as self._raw:
            yield self._raw
