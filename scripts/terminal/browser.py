"""Opens pages in the browser."""

import os
import sys
from pathlib import Path

from scripts.terminal.console import show


def open_page(path: Path) -> None:
    """Open a page in the browser; say so if there is none."""
    import webbrowser

    if not _has_display():
        show("There is no display to open it on.")
    elif not webbrowser.open(path.resolve().as_uri()):
        show("No browser could be started. Open the file yourself.")


def _has_display() -> bool:
    # Without a display, Python might start a text browser and wait until it is closed.
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
