"""The folder of a state: private, locked by one process, and written by one version of the software."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from local_aws.state.errors import DamagedStateError, StateError

_LOCK = "lock"
_VERSIONS = "versions.json"
_SET_ASIDE = "damaged-"


class StateFolder:
    """A folder that this process has locked. The lock ends with the process, however it ends.

    Parameters
    ----------
    path : pathlib.Path
        The folder; it is created if it does not exist.

    Raises
    ------
    StateError
        If another process uses the folder, it holds something else, or other users can write to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"The folder {path} cannot be made: {error.strerror}.", "Name another one."
            ) from error
        self._check_owner()
        names = {each.name for each in path.iterdir()}
        if names and _LOCK not in names:
            raise StateError(
                f"{path} is not a state of local AWS: it holds {min(names)!r}.",
                "Name an empty folder, or one that does not exist.",
            )
        path.chmod(0o700)
        # Closed by `close`, or at the end of the process.
        self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateError(
                f"Another local AWS uses the state in {path}.",
                "Use that one, or stop it with Ctrl-C first.",
            ) from error

    def close(self) -> None:
        """Release the lock."""
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def check_versions(self, versions: Mapping[str, str]) -> None:
        """Write the versions into a new state; compare them with those of an earlier one.

        Parameters
        ----------
        versions
            What has to be the same whenever the state is used, such as the version of moto, by name.

        Raises
        ------
        StateError
            If one is not the same.
        DamagedStateError
            If the versions cannot be read.
        """
        file = self.path / _VERSIONS
        if not file.exists():
            if self._contents():
                raise DamagedStateError(f"{_VERSIONS} is missing")
            new = file.with_suffix(".new")
            new.write_text(json.dumps(dict(versions)), encoding="utf-8")
            new.replace(file)
            return
        try:
            found = dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DamagedStateError(f"{_VERSIONS} cannot be read: {error}") from error
        for name, version in versions.items():
            if found.get(name) != version:
                raise StateError(
                    f"The state in {self.path} is of {name} {found.get(name)}; this is {name} {version}.",
                    f"Use {name} {found.get(name)} again, or another folder, or delete the state with "
                    f"`bankruptcy local reset --state {self.path}`.",
                )

    def set_aside(self) -> Path:
        """Move everything into a new folder within this one; return the new folder."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        target = self.path / f"{_SET_ASIDE}{moment}-{os.getpid()}"
        target.mkdir(mode=0o700)
        for each in self._contents():
            each.rename(target / each.name)
        return target

    def clear(self) -> None:
        """Delete everything but the lock."""
        for each in list(self.path.iterdir()):
            if each.name == _LOCK:
                continue
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()

    def _contents(self) -> list[Path]:
        """Return what belongs to the state itself."""
        return [
            each
            for each in self.path.iterdir()
            if each.name != _LOCK and not each.name.startswith(_SET_ASIDE)
        ]

    def _check_owner(self) -> None:
        found = self.path.stat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StateError(f"{self.path} is not a folder of yours.", "Name another one.")
        if found.st_mode & 0o022 and any(self.path.iterdir()):
            # A state holds pickles: whoever can write it can run code as the user who starts it.
            raise StateError(
                f"Other users can write to {self.path}, and loading a state can run code.",
                "If you trust its contents, run `chmod 700` on it; otherwise name another folder.",
            )
