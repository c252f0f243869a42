"""Packs and unpacks model.tar.gz, and rejects archives that are unsafe to unpack."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path
from posixpath import normpath
from typing import Any, Final

from inference.errors import ArtifactError

# Limits on an archive, far above this project's models: they have 25 files and under 10 MB unpacked.
MAX_ENTRIES: Final = 1_000
MAX_BYTES: Final = 1_000_000_000
# Compression of more than this is a bomb; our archives reach 2. Small archives can be of zeros only.
MAX_RATIO: Final = 100
RATIO_FREE_BYTES: Final = 20_000_000


def pack_model(folder: Path, tar_path: Path) -> None:
    """Write a folder's files into a .tar.gz whose bytes depend only on their paths and contents."""
    tar_path.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    with (
        tar_path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in files:
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)


def unpack_model(tar_path: Path, folder: Path) -> None:
    """Unpack a model.tar.gz into a folder, never outside of it.

    The archive is read twice: it is checked to its end before anything is written.

    Raises
    ------
    inference.errors.ArtifactError
        If the archive is missing or damaged, has too many entries or bytes, or has an entry that is a link,
        is repeated, or points outside the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with gzip.open(tar_path) as compressed:
            _check(compressed, tar_path.stat().st_size)
            compressed.seek(0)
            with tarfile.open(fileobj=compressed) as archive:
                archive.extractall(folder, filter="data")
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise ArtifactError(f"{tar_path} cannot be unpacked: {error}") from error


class _Capped:
    """Reads a decompressed stream, and raises ValueError when it becomes too large."""

    def __init__(self, stream: gzip.GzipFile, packed: int) -> None:
        self._stream = stream
        self._packed = packed
        self._count = 0

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes."""
        chunk = self._stream.read(size)
        self._count += len(chunk)
        if self._count > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes unpacked. Pack a smaller model.")
        if self._count > max(RATIO_FREE_BYTES, MAX_RATIO * self._packed):
            raise ValueError(
                f"its {self._packed:,} bytes unpack to more than {MAX_RATIO} times as many. Pack the model "
                "again with pack_model."
            )
        return chunk


def _check(compressed: gzip.GzipFile, packed: int) -> None:
    """Raise ValueError if the archive must not be unpacked; read it to its end, where gzip's checksum is."""
    capped: Any = _Capped(compressed, packed)
    files: dict[str, bool] = {}
    total = 0
    with tarfile.open(fileobj=capped, mode="r|") as archive:
        for number, entry in enumerate(archive, 1):
            if number > MAX_ENTRIES:
                raise ValueError(f"it has more than {MAX_ENTRIES:,} entries. Pack only the model's files.")
            if not (entry.isreg() or entry.isdir()):
                raise ValueError(f"the entry {entry.name!r} is neither a file nor a folder. Pack only these.")
            # A sparse entry states more bytes than the archive holds.
            total += entry.size
            if total > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES:,} bytes unpacked. Pack a smaller model.")
            name = normpath(entry.name)
            if name in files and (entry.isreg() or files[name]):
                raise ValueError(f"the entry {name!r} is there twice. Pack each file once.")
            files[name] = entry.isreg()
    while capped.read(2**20):
        pass
