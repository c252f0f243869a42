"""The named blobs of a state, in one SQLite file; each change of several blobs is one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from local_aws.state.errors import DamagedStateError


class Database:
    """The blobs in a file, which is created if it does not exist.

    A transaction survives the end of the process, but not of power: SQLite does not wait for the disk.

    Raises
    ------
    DamagedStateError
        If the file is not a database.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS parts "
                "(name TEXT PRIMARY KEY, digest BLOB NOT NULL, data BLOB NOT NULL)"
            )
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise DamagedStateError(f"{file.name} cannot be read: {error}") from error

    def read(self) -> dict[str, bytes]:
        """Return all blobs by name.

        Raises
        ------
        DamagedStateError
            If a blob is not as it was written.
        """
        try:
            rows = self._connection.execute("SELECT name, digest, data FROM parts").fetchall()
        except sqlite3.DatabaseError as error:
            raise DamagedStateError(f"the database cannot be read: {error}") from error
        for name, expected, data in rows:
            if digest(data) != expected:
                raise DamagedStateError(f"{name} is not as it was written")
        return {name: data for name, _, data in rows}

    def write(self, changed: Mapping[str, bytes], dropped: Iterable[str]) -> None:
        """Write and delete blobs in one transaction."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)",
                [(name, digest(data), data) for name, data in changed.items()],
            )
            self._connection.executemany("DELETE FROM parts WHERE name = ?", [(name,) for name in dropped])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def digest(data: bytes) -> bytes:
    """Return a hash of the data."""
    return hashlib.blake2b(data, digest_size=16).digest()
