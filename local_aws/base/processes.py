"""Child processes: the environment they inherit, and how their process group ends."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

_INHERITED = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def inherited_environment() -> dict[str, str]:
    """Return the variables of this process that children get: paths and locale, no credentials."""
    return {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")}


def kill_group(leader: int) -> None:
    """Send SIGKILL to the process group of `leader`; do nothing if the group has ended."""
    # macOS raises PermissionError for a group that consists of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
