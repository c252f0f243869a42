"""Keeps what was read from AWS for a short time, so that all tabs share one read."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

# Shorter than the 3 s between two polls of a page.
FRESH_SECONDS = 2.0
# For facts that never change, such as an execution that has succeeded.
FOREVER = math.inf
# Above this number, the least recently used result is dropped: an evaluation can have megabytes.
MOST_KEPT = 300
# Older results are dropped. No read is kept longer, except those of facts that never change.
_OLDEST_SECONDS = 600.0


@dataclass
class _Entry:
    """The result of a read, the time of the read, and for how long it is kept."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    time_read: float = -math.inf
    seconds: float = 0.0
    result: Any = None


class Reads:
    """Results of reads by key.

    Parameters
    ----------
    clock
        Like `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # The least recently used entry comes first.
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T], seconds: float = FRESH_SECONDS) -> T:
        """Return the result of a read, or of one with the same key that is not older than `seconds`.

        Threads that ask for the same key at the same time wait for one read. Errors are not kept.
        """
        with self._lock:
            entry = self._entries[key] = self._entries.pop(key, _Entry())
            self._drop()
        with entry.lock:
            if self._clock() - entry.time_read >= seconds:
                entry.result = read()
                entry.time_read, entry.seconds = self._clock(), seconds
            result: T = entry.result
            return result

    def forget(self) -> None:
        """Read everything that can change again the next time, because something was changed."""
        with self._lock:
            # A read that is still running stores its result in an entry that is no longer found.
            self._entries = {key: entry for key, entry in self._entries.items() if entry.seconds == FOREVER}

    def _drop(self) -> None:
        """Remove results that are too old to be used, such as a data file, and the oldest above the limit."""
        now = self._clock()
        for key, entry in [*self._entries.items()]:
            is_old = 0 < entry.seconds < FOREVER and now - entry.time_read >= _OLDEST_SECONDS
            if is_old or len(self._entries) > MOST_KEPT:
                del self._entries[key]
