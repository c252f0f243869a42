"""Returns freed memory to the system, as far as the C library can."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

_ARENA_MAX = -8  # M_ARENA_MAX in malloc.h
_ARENAS = 2


def limit_arenas() -> None:
    """Make all threads share a few memory pools. Call this before the threads are started.

    By default, glibc has up to eight pools per core, and each keeps the memory of its largest request.
    """
    _function("mallopt")(_ARENA_MAX, _ARENAS)


def release_memory() -> None:
    """Return memory that is free but still allocated."""
    _function("malloc_trim")(0)


@functools.cache
def _function(name: str) -> Callable[..., Any]:
    try:
        # Only glibc has malloc_trim; elsewhere mallopt has other parameters.
        library = ctypes.CDLL(None)
        return getattr(library, name) if hasattr(library, "malloc_trim") else _ignore
    except OSError:
        return _ignore


def _ignore(*_: int) -> None:
    """Stand in for a function that the C library does not have."""
