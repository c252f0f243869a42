"""Opens tables: decompresses them, decodes their text, and recognizes files that are not tables."""

from __future__ import annotations

import codecs
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from shutil import copyfileobj
from typing import IO, Any, Protocol

from steps.job import DataError

CHUNK_BYTES = 1 << 21
_HEAD_BYTES = 4096
# zipfile raises RuntimeError for an encrypted member, and NotImplementedError for an unknown compression.
_DAMAGED = (EOFError, OSError, RuntimeError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second one marks an empty archive
_COMPRESSIONS: dict[str, bytes | tuple[bytes, ...]] = {".gz": _GZIP, ".xz": _XZ, ".zip": _ZIP}
# The first bytes of files that are not tables.
_OTHERS: dict[bytes | tuple[bytes, ...], str] = {
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; fetch the file with `git lfs pull`",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "a PNG image",
    b"BZh": "compressed with bzip2",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    _GZIP: "compressed twice",
    _XZ: "compressed twice",
    _ZIP: "a zip archive inside another file",
}
_MARKUP = {
    b"<!doctype html": "an HTML page, perhaps the sign-in page of a web site",
    b"<html": "an HTML page, perhaps the sign-in page of a web site",
    b"<table": "an HTML page",
    b"<?xml": "an XML document",
}
_BINARY = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers", ".parquet", ".feather")
_EXPORT = "Export it as CSV in UTF-8."
_NUL = "it contains NUL bytes"


class Readable(Protocol):
    """A stream of bytes; only its `read` is used."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        ...


class Plain:
    """The contents of a file, decompressed.

    Attributes
    ----------
    name
        The file's name, for messages.
    member
        The path of the file inside a zip archive; empty if it is not in one.
    """

    def __init__(self, stream: Readable, name: str, member: str = "") -> None:
        self._stream = stream
        self.name = name
        self.member = member

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, or all; raise a `DataError` if the file is damaged."""
        try:
            return self._stream.read(size)
        except _DAMAGED as error:
            raise _damaged(self.name, error) from error


def is_compressed(start: bytes) -> bool:
    """Return whether a file with these first bytes is compressed."""
    return start.startswith((_GZIP, _XZ, *_ZIP))


@contextmanager
def open_plain(raw: IO[bytes], name: str, extension: str = ".csv") -> Iterator[Plain]:
    """Open a file and decompress it; its first bytes identify gzip, xz and zip.

    Parameters
    ----------
    raw
        The file.
    name
        The file's name, for messages. With the extension of a compressed file, it must be compressed.
    extension
        The extension of the file to read from a zip archive.

    Raises
    ------
    DataError
        If the file is damaged, or a zip archive does not hold exactly one such file.
    """
    if name.lower().endswith(_BINARY):
        raise DataError(f"{name} is not text.", _EXPORT)
    start = raw.read(_HEAD_BYTES)
    stream: Any = _Rejoined(start, raw)
    member = ""
    with ExitStack() as stack:
        try:
            for ending, signature in _COMPRESSIONS.items():
                if name.lower().endswith(ending) and not start.startswith(signature):
                    raise EOFError(f"it is not a {ending} file")
            if start.startswith(_GZIP):
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
            elif start.startswith(_XZ):
                stream = stack.enter_context(lzma.LZMAFile(stream))
            elif start.startswith(_ZIP):
                archive = stack.enter_context(zipfile.ZipFile(_seekable(stream, stack)))
                member = _member(archive, name, extension)
                stream = stack.enter_context(archive.open(member))
        except _DAMAGED as error:
            raise _damaged(name, error) from error
        yield Plain(stream, name, member)


class _Rejoined:
    """A stream whose start has already been read."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._start:
            return self._rest.read(size)
        if size < 0:
            found, self._start = self._start + self._rest.read(), b""
        else:
            found, self._start = self._start[:size], self._start[size:]
        return found

    # LZMAFile asks for these.
    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError("The stream can't be read twice.")


def _damaged(name: str, error: Exception) -> DataError:
    """Return the error for a file that can't be read to its end."""
    reason = str(error).rstrip(".") or type(error).__name__
    return DataError(f"{name} can't be decompressed ({reason}).", "Check that the file is complete.")


def _seekable(stream: Readable, stack: ExitStack) -> Any:
    """Return a copy on disk: the directory of a zip archive is at its end."""
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    copyfileobj(stream, copy)
    return copy


def _member(archive: zipfile.ZipFile, name: str, extension: str) -> str:
    names = archive.namelist()
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise DataError(f"{name} is a spreadsheet or another office document, not text.", _EXPORT)
    members = [each for each in names if each.lower().endswith(extension) and "__MACOSX/" not in each]
    if len(members) != 1:
        found = ", ".join((members or names)[:10]) or "nothing"
        raise DataError(f"{name} must hold exactly one {extension} file, but it holds {found}.")
    return members[0]


def read_utf8(stream: Plain) -> Iterator[bytes]:
    """Yield a text in pieces of UTF-8 without a byte order mark. Convert UTF-16, which needs such a mark.

    Raises
    ------
    DataError
        If the file is empty, has another encoding, or is not text. The message names the likely format.
    """
    name = stream.name
    chunk = stream.read(CHUNK_BYTES)
    if not chunk:
        raise DataError(f"{name} is empty.")
    encoding = _encoding(chunk, name)
    decoder = codecs.getincrementaldecoder(encoding)()
    chunk = chunk.removeprefix(codecs.BOM_UTF8)
    line, is_whole = 1, True
    while True:
        try:
            if encoding != "utf-8":
                chunk = decoder.decode(chunk, final=not chunk).encode()
            elif not (is_whole and chunk.isascii()):
                decoder.decode(chunk, final=not chunk)
                is_whole = not decoder.getstate()[0]
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            cause = (
                "It is cut off"
                if error.reason == "unexpected end of data"
                else "It may be Windows-1252 or Latin-1"
            )
            problem = f"line {line} has the byte 0x{error.object[error.start]:02X}. {cause}."
            raise DataError(f"{name} is not UTF-8 text: {problem}", _EXPORT) from error
        if not chunk:
            return
        yield chunk
        line += chunk.count(b"\n")
        chunk = stream.read(CHUNK_BYTES)


def _encoding(start: bytes, name: str) -> str:
    """Return the encoding of a file from its first bytes."""
    head = start[:_HEAD_BYTES]
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(f"{name} is not UTF-8 text: it is UTF-32.", _EXPORT)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    text = head.lstrip(codecs.BOM_UTF8).lstrip().lower()
    found = next((what for start, what in _OTHERS.items() if head.startswith(start)), None)
    found = found or next((what for start, what in _MARKUP.items() if text.startswith(start)), None)
    if found is None and head[257:262] == b"ustar":
        found = "a tar archive"
    if found is not None:
        raise DataError(f"{name} is {found}.", "" if "`" in found else _EXPORT)
    if b"\0" in head:
        of_two = {head[0::2].count(0) * 4 > len(head), head[1::2].count(0) * 4 > len(head)}
        reason = f"{_NUL} and looks like UTF-16 without a byte order mark" if len(of_two) == 2 else _NUL
        raise DataError(f"{name} is not UTF-8 text: {reason}.", _EXPORT)
    return "utf-8"
