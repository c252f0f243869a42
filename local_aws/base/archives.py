"""Unpacks .tar.gz archives, and rejects archives that are unsafe to unpack."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from pathlib import Path
from posixpath import normpath
from typing import Any, Final

# Models and the code of jobs can be large; bombs and archives of millions of entries are rejected.
MAX_BYTES: Final = 5_000_000_000
MAX_ENTRIES: Final = 100_000
# Real files seldom compress more than 50 times; gzip reaches 1,000 with zeros.
MAX_RATIO: Final = 200
RATIO_FREE_BYTES: Final = 100_000_000
# Reading the directory of a zip takes a second for 40,000 entries.
MAX_ZIP_ENTRIES: Final = 20_000
_ZIP_ENTRY: Final = b"PK\x01\x02"


class ArchiveError(Exception):
    """An archive that cannot be downloaded or unpacked."""


def unpack(packed: bytes, folder: Path) -> None:
    """Unpack a .tar.gz into a folder; it is checked to its end before anything is written.

    Raises
    ------
    ArchiveError
        If it is not an intact archive, has too many entries or bytes, or has an entry that is repeated or
        would leave the folder.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            _check(stream, len(packed))
            stream.seek(0)
            with tarfile.open(fileobj=stream) as archive:
                archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError, KeyError, zlib.error) as error:
        # A damaged .gz raises EOFError, OSError or zlib.error, and a link to a missing entry KeyError.
        raise ArchiveError(str(error)) from error


def unzipped_size(packed: bytes) -> int:
    """Return the unpacked size that a zip archive states, in bytes.

    Raises
    ------
    ArchiveError
        If it is not a zip archive, or has too many entries.
    """
    # `zipfile` ignores the number of entries that the archive states, so they are counted here.
    if packed.count(_ZIP_ENTRY) > MAX_ZIP_ENTRIES:
        raise ArchiveError(f"It has more than {MAX_ZIP_ENTRIES:,} entries. Pack fewer files.")
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ArchiveError("It is not a zip archive.") from error


class _Capped:
    """Reads a decompressed stream, and raises ArchiveError when it becomes too large."""

    def __init__(self, stream: gzip.GzipFile, packed: int) -> None:
        self._stream = stream
        self._packed = packed
        self._count = 0

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes."""
        chunk = self._stream.read(size)
        self._count += len(chunk)
        if self._count > MAX_BYTES:
            raise _too_large()
        if self._count > max(RATIO_FREE_BYTES, MAX_RATIO * self._packed):
            raise ArchiveError(
                f"Its {self._packed:,} bytes unpack to more than {MAX_RATIO} times as many. Check what was "
                "packed, and store data that compresses so well in another form."
            )
        return chunk


def _too_large() -> ArchiveError:
    return ArchiveError(f"It has more than {MAX_BYTES:,} bytes unpacked. Pack less data.")


def _check(stream: gzip.GzipFile, packed: int) -> None:
    """Raise ArchiveError if an archive must not be unpacked; read it to the checksum at its end."""
    capped: Any = _Capped(stream, packed)
    folders: dict[str, bool] = {}
    total = 0
    with tarfile.open(fileobj=capped, mode="r|") as archive:
        for number, entry in enumerate(archive, 1):
            if number > MAX_ENTRIES:
                raise ArchiveError(f"It has more than {MAX_ENTRIES:,} entries. Pack fewer files.")
            # A sparse entry states more bytes than the archive holds.
            total += entry.size
            if total > MAX_BYTES:
                raise _too_large()
            name = normpath(entry.name)
            if name in folders and not (entry.isdir() and folders[name]):
                raise ArchiveError(f"The entry {name!r} is there twice. Pack each file once.")
            folders[name] = entry.isdir()
    while capped.read(2**20):
        pass
