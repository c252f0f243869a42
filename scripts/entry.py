"""Starts the `bankruptcy` command; interruptions end it quietly from the first moment on."""

import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    # Stopping the process cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        from scripts.cli import app  # takes long enough for an interruption

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
