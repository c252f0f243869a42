"""The current time, in one place; tests can move it forward."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

# How often waiting threads check whether they should stop.
_LOOK_SECONDS = 0.5
_moved = threading.Condition()
_ahead = timedelta()


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC) + _ahead


def advance(seconds: float) -> None:
    """Move the clock forward, for tests."""
    global _ahead  # noqa: PLW0603 - there is one clock in a process
    with _moved:
        _ahead += timedelta(seconds=seconds)
        _moved.notify_all()


def wait_until(moment: datetime, stopped: threading.Event) -> None:
    """Wait until a time has come, or `stopped` is set."""
    with _moved:
        while not stopped.is_set() and (left := (moment - now()).total_seconds()) > 0:
            _moved.wait(min(left, _LOOK_SECONDS))
