"""The state of one local AWS: everything that changes is saved before the change is answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from local_aws.base.changes import Changes
from local_aws.state.api import MotoResources, Saving, dumped, loaded
from local_aws.state.database import Database, digest
from local_aws.state.errors import DamagedStateError
from local_aws.state.folder import StateFolder
from local_aws.state.objects import Bodies

LOGGER = logging.getLogger(__name__)
_DISTRIBUTION = "bankruptcy-mlops"
_EVERYTHING = "everything"
_LATER_SECONDS = 0.5


@dataclass(frozen=True)
class Part:
    """What a room of local AWS stores itself.

    Attributes
    ----------
    read
        Returns the present content.
    restore
        Takes saved content.
    """

    read: Callable[[], Any]
    restore: Callable[[Any], None]


class State:
    """The state in a folder.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    region : str
        The region that local AWS runs in.
    changes : Changes
        The lock.

    Attributes
    ----------
    set_aside
        Where the contents were moved, if they were damaged.

    Raises
    ------
    StateError
        If the folder is in use, or is of another version or region.
    """

    def __init__(self, path: Path, region: str, changes: Changes) -> None:
        self.set_aside: Path | None = None
        self._changes = changes
        self._parts: Mapping[str, Part] = {}
        self._digests: dict[str, bytes] = {}
        self._later = threading.Event()
        self._closing = threading.Event()
        self._folder = StateFolder(path)
        self._versions = {"local AWS": _own_version(), "moto": version("moto"), "region": region}
        try:
            try:
                self._folder.check_versions(self._versions)
                self._open()
                self._blobs = self._database.read()
            except DamagedStateError as error:
                self._start_again(error)
        except BaseException:
            self._folder.close()
            raise
        self._resources.install()

    def load(self, parts: Mapping[str, Part]) -> None:
        """Restore moto's resources and the parts, and save all changes from now on."""
        try:
            resources = self._resources.load(self._blobs)
            contents = {name: loaded(self._blobs[name]) for name in parts if name in self._blobs}
        # Anything can happen when a damaged pickle is loaded.
        except Exception as error:  # noqa: BLE001
            self._start_again(error)
            self._resources.install()
        else:
            self._resources.restore(resources)
            for name, content in contents.items():
                parts[name].restore(content)
        self._digests = {name: digest(blob) for name, blob in self._blobs.items()}
        self._blobs = {}
        self._parts = parts
        self._changes.save_with(self._save)
        threading.Thread(target=self._save_later, name="state", daemon=True).start()

    def save_later(self) -> None:
        """Save everything within a second."""
        self._later.set()

    def close(self) -> None:
        """Save everything, and nothing that happens afterwards."""
        self._closing.set()
        self._changes.close(_EVERYTHING)
        self._resources.uninstall()
        self._database.close()
        self._folder.close()

    def _open(self) -> None:
        self._database = Database(self._folder.path / "state.sqlite")
        self._resources = MotoResources(Bodies(self._folder.path / "objects"))

    def _start_again(self, error: Exception) -> None:
        LOGGER.warning("The state is damaged: %s", error)
        if hasattr(self, "_database"):
            self._database.close()
        self.set_aside = self._folder.set_aside()
        self._folder.check_versions(self._versions)
        self._open()
        self._blobs = {}

    def _save_later(self) -> None:
        while not self._closing.wait(_LATER_SECONDS):
            if self._later.is_set():
                self._later.clear()
                try:
                    with self._changes:
                        self._changes.mark(_EVERYTHING)
                except Exception:
                    # The thread's outermost handler: the next change tries again.
                    LOGGER.exception("The state could not be saved")

    def _save(self, marked: frozenset[str]) -> None:
        """Write what has changed of the marked parts and services, in one transaction."""
        everything = _EVERYTHING in marked
        own = {
            name: dumped(part.read()) for name, part in self._parts.items() if everything or name in marked
        }
        services = marked - self._parts.keys() - {_EVERYTHING}
        saving = (
            self._resources.collect(None if everything else services) if everything or services else Saving()
        )
        blobs = {**own, **saving.blobs}
        digests = {name: digest(blob) for name, blob in blobs.items()}
        changed = {name: blob for name, blob in blobs.items() if digests[name] != self._digests.get(name)}
        if changed or saving.dropped:
            self._database.write(changed, saving.dropped)
        self._digests.update(digests)
        for name in saving.dropped:
            self._digests.pop(name, None)
        self._resources.saved(saving)


def reset(path: Path) -> None:
    """Delete the state in a folder that no local AWS uses.

    Raises
    ------
    StateError
        If the folder is in use, or holds something else.
    """
    folder = StateFolder(path)
    try:
        folder.clear()
    finally:
        folder.close()


def _own_version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
