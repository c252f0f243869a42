"""Runs work that takes longer than a request, one piece at a time, and keeps the newest results."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

KEPT = 8


class Background:
    """Runs pieces of work, and finds their results by subject and name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._pieces: dict[tuple[Hashable, str], Future[Any]] = {}

    def start(self, subject: Hashable, work: Callable[[], Any], clean_up: Callable[[], None]) -> str:
        """Start a piece of work, and return the name with which `get` finds it; drop the oldest piece.

        Parameters
        ----------
        subject
            The object of the work, such as a version.
        clean_up
            Called after the work, even if it failed or never began.
        """
        name = secrets.token_urlsafe(9)
        with self._lock:
            piece = self._pieces[subject, name] = self._pool.submit(work)
            for oldest in [*self._pieces][:-KEPT]:
                self._pieces.pop(oldest).cancel()
        piece.add_done_callback(lambda _: clean_up())
        return name

    def get(self, subject: Hashable, name: str) -> Future[Any] | None:
        """Return a piece of work, whose result has its value or its error; None if it is not known."""
        with self._lock:
            return self._pieces.get((subject, name))

    def close(self) -> None:
        """Cancel the pieces that have not begun, and accept no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
