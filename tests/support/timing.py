"""Limits of CPU time, as multiples of a reference measured at the same moment: load slows both."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

SMALL_LISTS = f"[{'[0],' * 200_000}[0]]"


@contextmanager
def cpu_time_below(times: float) -> Iterator[None]:
    """Fail if the block takes this thread more CPU time than `times` the parsing of 200,000 small lists."""
    # What a collection of garbage costs depends on the objects that other tests have left.
    gc.collect()
    gc.disable()
    try:
        started = time.thread_time()
        yield
        ended = time.thread_time()
        json.loads(SMALL_LISTS)
        reference = time.thread_time() - ended
    finally:
        gc.enable()
    assert ended - started < times * reference, (
        f"{ended - started:.2f} s; the reference took {reference:.2f} s"
    )
