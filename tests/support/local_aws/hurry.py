"""Lets the clock of local AWS run fast, so that bakes take seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local_aws.base import clock

_STEP_SECONDS = 0.1


@contextmanager
def hurried(factor: float = 20.0) -> Iterator[None]:
    """Let the clock run this many times as fast as time."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(_STEP_SECONDS):
            clock.advance(factor * _STEP_SECONDS)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
