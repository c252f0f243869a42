"""Runs work that takes longer than a request, one piece after the other, and keeps the newest results."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

KEPT = 8


class Background:
    """Pieces of work by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._pieces: dict[str, Future[Any]] = {}

    def start(self, work: Callable[[], Any]) -> str:
        """Start a piece of work, and return the name with which `get` finds it; the oldest is forgotten."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._pieces[name] = self._pool.submit(work)
            for oldest in [*self._pieces][:-KEPT]:
                del self._pieces[oldest]
        return name

    def get(self, name: str) -> Future[Any] | None:
        """Return a piece of work, whose result has its value or its error; None if it is not known."""
        with self._lock:
            return self._pieces.get(name)
