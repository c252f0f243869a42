"""All tabs share one read of AWS, which is repeated when it is old or something was changed."""

from __future__ import annotations

import threading
import time
import weakref

import pytest

from scripts.console.reads import FOREVER, MOST_KEPT, Reads


def test_a_read_is_repeated_when_it_is_old_or_forgotten() -> None:
    now, results = [0.0], iter(range(10))
    reads = Reads(lambda: now[0])

    def get() -> int:
        return reads.get("key", lambda: next(results))

    assert [get(), get()] == [0, 0]
    now[0] = 2.0
    assert get() == 1
    reads.forget()
    assert get() == 2
    assert reads.get("other", lambda: "another") == "another"


def test_what_never_changes_is_read_once() -> None:
    now = [0.0]
    reads = Reads(lambda: now[0])
    assert reads.get("key", lambda: "first", FOREVER) == "first"
    now[0] = 1e9
    reads.forget()
    assert reads.get("key", lambda: "second", FOREVER) == "first"


def test_what_is_too_old_to_be_used_is_dropped() -> None:
    class File:
        pass

    now = [0.0]
    reads = Reads(lambda: now[0])
    file, fact = File(), File()
    seen = weakref.ref(file), weakref.ref(fact)
    reads.get("file", lambda file=file: file, 600.0)
    reads.get("fact", lambda fact=fact: fact, FOREVER)
    del file, fact
    now[0] = 599.0
    reads.get("other", lambda: "other")
    assert None not in [each() for each in seen]
    now[0] = 600.0
    reads.get("another", lambda: "another")
    assert seen[0]() is None
    assert seen[1]() is not None


def test_of_too_many_facts_the_one_that_was_not_used_for_longest_is_dropped() -> None:
    reads = Reads(lambda: 0.0)
    for key in range(MOST_KEPT):
        reads.get(key, lambda: "old", FOREVER)
    # GIVEN that the first one was used again
    reads.get(0, lambda: "new", FOREVER)
    # WHEN one more is read
    reads.get("more", lambda: "more", FOREVER)
    # THEN the second one is dropped, and no other
    found = [reads.get(key, lambda: "new", FOREVER) for key in (0, 2, MOST_KEPT - 1, 1)]
    assert found == ["old", "old", "old", "new"]


def test_tabs_that_ask_at_the_same_time_wait_for_one_read() -> None:
    reads, calls, results = Reads(), [], []

    def read() -> int:
        calls.append(1)
        time.sleep(0.1)
        return len(calls)

    threads = [threading.Thread(target=lambda: results.append(reads.get("key", read))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), results) == (1, [1] * 8)


def test_an_error_is_not_kept() -> None:
    reads = Reads()
    with pytest.raises(ZeroDivisionError):
        reads.get("key", lambda: 1 // 0)
    assert reads.get("key", lambda: 3) == 3


def test_a_read_that_began_before_a_change_is_not_kept() -> None:
    reads, begun, changed = Reads(lambda: 0.0), threading.Event(), threading.Event()

    def old() -> str:
        begun.set()
        changed.wait(10)
        return "old"

    # GIVEN a read that is running
    thread = threading.Thread(target=lambda: reads.get("key", old))
    thread.start()
    assert begun.wait(10)
    # WHEN something is changed before it ends
    reads.forget()
    changed.set()
    thread.join()
    # THEN its result is shown to nobody else
    assert reads.get("key", lambda: "new") == "new"
