"""Starts the `bankruptcy` command; interruptions end it quietly from the first moment on."""

import io
import signal
import sys

INTERRUPTED = 130
# How long after an interruption, and how often from then on, to look whether it has got lost.
CHECK_SECONDS = 0.2


class Interruptions:
    """Turns SIGINT and SIGTERM into KeyboardInterrupt, and raises it again if it gets lost.

    Python drops exceptions in destructors and in callbacks of weak references, which run at any moment, and
    some extension modules drop those in their calls. The command would go on as if nobody had interrupted it.
    """

    def __init__(self) -> None:
        self.requested = False

    def start(self) -> None:
        """Handle the signals from now on."""
        signal.signal(signal.SIGALRM, self._check)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def stop(self) -> None:
        """Let the signals end the process at once: nothing is left to clean up."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def _interrupt(self, *_: object) -> None:
        self.requested = True
        signal.setitimer(signal.ITIMER_REAL, CHECK_SECONDS, CHECK_SECONDS)
        raise KeyboardInterrupt

    def _check(self, *_: object) -> None:
        """Interrupt again, unless the command cleans up because of the first interruption, or ends anyway."""
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
        if interruptions.requested:
            sys.exit(INTERRUPTED)
        raise
