"""Opens pages in the browser."""

import os
import sys

from scripts.terminal.console import show
from scripts.terminal.results import is_json


def open_page(url: str) -> None:
    """Open a page in the browser, or print why that is not possible; with --json, do nothing."""
    import webbrowser

    if is_json():
        return
    if not has_display():
        show("There is no display to open it on.")
    elif not webbrowser.open(url):
        show("No browser could be started. Open it yourself.")


def has_display() -> bool:
    """Return whether there is a display for a browser."""
    # Without a display, Python might start a text browser and wait until it is closed.
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
