"""The lock that every change to the saved state takes, and the record of what has changed."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

HEADER = "X-Local-Aws-Unit"

Item = TypeVar("Item")
_here = threading.local()


class Changes:
    """A reentrant lock; the changes made under it are saved before it is released.

    A thread that holds it can call the API of local AWS: its requests carry `HEADER` with `token`, and the
    thread that answers them works under the same hold (`joined`). Several calls and the record of their
    results are thus saved together or not at all.

    Attributes
    ----------
    token
        Value of `HEADER` for requests of the thread that holds the lock; nobody else can know it.
    is_closed
        Whether changes are no longer saved, because local AWS is stopping.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._marked: set[str] = set()
        self._save: Callable[[frozenset[str]], None] | None = None
        self.is_closed = False

    def __enter__(self) -> None:
        depths = _depths()
        if depths[self.token] == 0:
            self._lock.acquire()
        depths[self.token] += 1

    def __exit__(self, *_: object) -> None:
        depths = _depths()
        if depths[self.token] > 1:
            depths[self.token] -= 1
            return
        try:
            self._flush()
        finally:
            depths[self.token] = 0
            self._lock.release()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Work under the hold of another thread, which waits for this one."""
        _depths()[self.token] += 1
        try:
            yield
        finally:
            _depths()[self.token] -= 1

    def mark(self, part: str) -> None:
        """Say that a part has changed; call this under the lock."""
        self._marked.add(part)

    def save_with(self, save: Callable[[frozenset[str]], None]) -> None:
        """Save the marked parts with `save` from now on."""
        with self:
            self._save = save

    def close(self, *parts: str) -> None:
        """Mark and save parts for the last time."""
        with self:
            self._marked.update(parts)
        with self:
            self.is_closed, self._save = True, None

    def _flush(self) -> None:
        if self._marked and self._save is not None:
            # If this fails, the parts stay marked, and the next change tries again.
            self._save(frozenset(self._marked))
        self._marked.clear()


class Pending(Generic[Item]):
    """Accepted work that is not done yet. It is saved, so that it can be done after a restart.

    Parameters
    ----------
    name : str
        Name of the part that changes.
    changes : Changes
        The lock.
    """

    def __init__(self, name: str, changes: Changes) -> None:
        self._name = name
        self._changes = changes
        self.items: dict[str, Item] = {}
        self._restored: dict[str, Item] = {}

    def restore(self, items: Mapping[str, Item]) -> None:
        """Add saved work; `restored` returns it."""
        self.items.update(items)
        self._restored = dict(items)

    def restored(self) -> dict[str, Item]:
        """Return the work that was saved by an earlier process and is still to be done, by its key."""
        found, self._restored = self._restored, {}
        return found

    def add(self, item: Item) -> str:
        """Add work; return the key to pass to `done`."""
        key = secrets.token_hex(8)
        with self._changes:
            self.items[key] = item
            self._changes.mark(self._name)
        return key

    def done(self, key: str) -> None:
        """Remove work that was done or given up."""
        with self._changes:
            if self.items.pop(key, None) is not None:
                self._changes.mark(self._name)

    def clear(self) -> None:
        """Remove all work."""
        with self._changes:
            self.items.clear()
            self._changes.mark(self._name)


def held_token() -> str | None:
    """Return the token of the lock that this thread holds, or None."""
    return next((token for token, depth in _depths().items() if depth), None)


def _depths() -> Counter[str]:
    """Return how often this thread has entered each lock, by token."""
    if not hasattr(_here, "depths"):
        _here.depths = Counter()
    depths: Counter[str] = _here.depths
    return depths
