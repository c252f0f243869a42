"""Starts the `bankruptcy` command; interruptions end it quietly from the first moment on."""

import gc
import io
import signal
import sys

INTERRUPTED = 130
# The interval at which an interruption is raised again if it was lost.
CHECK_SECONDS = 0.2


class Interruptions:
    """Turns SIGINT and SIGTERM into KeyboardInterrupt, and raises it again if it is lost.

    Python drops exceptions that are raised in destructors and in callbacks of weak references, which can run
    at any moment. Some extension modules drop exceptions, too. The command would then continue.
    """

    def __init__(self) -> None:
        self.requested = False

    def start(self) -> None:
        """Handle the signals from now on."""
        signal.signal(signal.SIGALRM, self._check)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def stop(self) -> None:
        """Let the signals end the process immediately, because no cleanup is left to do."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def _interrupt(self, *_: object) -> None:
        self.requested = True
        signal.setitimer(signal.ITIMER_REAL, CHECK_SECONDS, CHECK_SECONDS)
        raise KeyboardInterrupt

    def _check(self, *_: object) -> None:
        """Interrupt again, unless the command is already cleaning up or exiting."""
        handled = sys.exception()
        while handled is not None and not isinstance(handled, KeyboardInterrupt | SystemExit):
            handled = handled.__context__
        if handled is None:
            raise KeyboardInterrupt


def main() -> None:
    """Run the command line."""
    interruptions = Interruptions()
    interruptions.start()
    try:
        # Where the terminal or pipe can't show a character, show a replacement instead of failing.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        from scripts.cli import app  # takes long enough for an interruption

        app()
    except (KeyboardInterrupt, SystemExit):
        interruptions.stop()
        # Before it exits, Python looks for garbage among all objects. After local AWS, that takes a second.
        gc.freeze()
        if interruptions.requested:
            sys.exit(INTERRUPTED)
        raise
