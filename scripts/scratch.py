"""Creates temporary folders, writes files atomically, and removes the leftovers of killed processes."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


# Local AWS imports no other package, so local_aws/base/folders.py has a copy of this without `parent`.
def make_folder(prefix: str, parent: Path | None = None) -> Path:
    """Create a temporary folder; its name contains this process's id. Remove those of killed processes.

    Parameters
    ----------
    parent
        Where to create it; by default the system's folder for temporary files.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    for folder in parent.glob(f"{glob.escape(prefix)}-*-*"):
        owner = folder.name.removeprefix(f"{prefix}-").partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-", dir=parent))


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path, and move it to `path` at the end, so that `path` is never incomplete."""
    if path.exists() and not path.is_file():  # such as /dev/stdout, which must not be replaced
        yield path
        return
    path = path.resolve()  # the target of a link, not the link, is replaced
    folder = make_folder(f".{path.name}", path.parent)
    try:
        partial = folder / path.name
        yield partial
        partial.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # of another user
    return True
