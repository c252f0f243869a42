"""The commit of the code that is deployed."""

import subprocess
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def current_commit(root: Path = _ROOT) -> str:
    """Return the commit of a checkout, with ``-dirty`` after it if files have changed since.

    Without a checkout, return the version of the installed package.
    """
    if (root / ".git").exists():
        command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
        try:
            described = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
            return described.stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            pass  # git is not installed, or does not trust the folder's owner
    return f"version-{version('bankruptcy-mlops')}"
