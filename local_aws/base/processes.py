"""Child processes: the environment they inherit, and how their process group ends."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

_INHERITED = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def child_environment(folder: Path) -> dict[str, str]:
    """Return the base environment of a child process: paths and locale of this one, but no credentials.

    Temporary files of the child go below its `folder`, so that they are removed with it even after SIGKILL.
    """
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    inherited = {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")
    }
    return {**inherited, "TMPDIR": str(temporary)}


def kill_group(leader: int) -> None:
    """Send SIGKILL to the process group of `leader`; do nothing if the group has ended."""
    # macOS raises PermissionError for a group that consists of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
