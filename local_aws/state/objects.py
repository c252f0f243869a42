"""The files in which a state keeps the bodies of S3 objects."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from local_aws.state.errors import DamagedStateError


class Bodies:
    """A folder of bodies. A file is written once and never changed.

    Parameters
    ----------
    folder : pathlib.Path
        The folder; it is created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def write(self, body: bytes) -> str:
        """Write a body and return the name of its file."""
        name = secrets.token_hex(16)
        (self._folder / name).write_bytes(body)
        return name

    def read(self, name: str) -> bytes:
        """Return a body."""
        return (self._folder / name).read_bytes()

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; files that are not there are ignored."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                (self._folder / name).unlink()

    def keep_only(self, sizes: Mapping[str, int]) -> None:
        """Check that the named files are there with their sizes, and delete all others.

        Raises
        ------
        DamagedStateError
            If a file is missing or has another size.
        """
        found = {each.name: each.stat().st_size for each in self._folder.iterdir()}
        for name, size in sizes.items():
            if found.get(name) != size:
                raise DamagedStateError(f"the body {name} has {found.get(name)} bytes instead of {size}")
        self.delete(found.keys() - sizes.keys())
