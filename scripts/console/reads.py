"""Keeps what was read from AWS for a short time, so that all tabs share one read."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

# Shorter than the 3 s between two polls of a page.
FRESH_SECONDS = 2.0
# For facts that never change, such as an execution that has succeeded.
FOREVER = math.inf
_MOST_ENTRIES = 1000
# Older results are dropped. No read is kept longer, except those of facts that never change.
_OLDEST_SECONDS = 600.0


class Reads:
    """Results of reads by key.

    Parameters
    ----------
    clock
        Like `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[Hashable, tuple[float, float, Any]] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T], seconds: float = FRESH_SECONDS) -> T:
        """Return the result of a read, or of one with the same key that is not older than `seconds`.

        Threads that ask for the same key at the same time wait for one read. Errors are not kept.
        """
        with self._lock:
            if len(self._entries) > _MOST_ENTRIES:
                self._entries, self._locks = {}, {}
            entries, lock = self._entries, self._locks.setdefault(key, threading.Lock())
        with lock:
            found = entries.get(key)
            if found is not None and self._clock() - found[0] < seconds:
                result: T = found[2]
                return result
            result = read()
            entries[key] = (self._clock(), seconds, result)
            self._drop_old(entries)
            return result

    def _drop_old(self, entries: dict[Hashable, tuple[float, float, Any]]) -> None:
        """Remove what is too old to be used again, such as a whole data file."""
        now = self._clock()
        for key, (time_read, seconds, _) in entries.copy().items():
            if seconds != FOREVER and now - time_read >= _OLDEST_SECONDS:
                entries.pop(key, None)

    def forget(self) -> None:
        """Read everything that can change again the next time, because something was changed."""
        with self._lock:
            # A read that is still running keeps its result in the old dictionary.
            kept = self._entries.copy()
            self._entries = {key: entry for key, entry in kept.items() if entry[1] == FOREVER}
