"""Waits for an interruption, for commands that run until they are stopped."""

import signal
import threading


def wait_for_interruption() -> None:
    """Wait for SIGINT or SIGTERM. They no longer raise KeyboardInterrupt afterwards."""
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    interrupted.wait()
