"""The temporary folder of a local AWS; it is removed at the next start if the process is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


# scripts/scratch.py has the same code; local AWS can't use that, because it imports no other package of ours.
def make_folder(prefix: str) -> Path:
    """Create a temporary folder; its name contains this process's id. Remove those of killed processes."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}-*-*"):
        owner = folder.name.removeprefix(f"{prefix}-").partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-"))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # of another user
    return True
