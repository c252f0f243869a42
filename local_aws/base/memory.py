"""Returns freed memory to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any


def release_memory() -> None:
    """Return memory that is free but still allocated; do nothing where the C library can't.

    After large bodies in several threads, glibc keeps tens of megabytes a time in its arenas.
    """
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], Any]:
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return lambda _: None
    return trim
