"""Work that takes longer than a request runs piece by piece, and the newest results are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from scripts.console.background import KEPT, Background


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def background() -> Iterator[Background]:
    found = Background()
    yield found
    found.close()


def test_a_result_is_found_by_its_subject_and_name(background: Background) -> None:
    name = background.start(2, lambda: "result", nothing)
    piece = background.get(2, name)
    assert piece is not None
    assert piece.result(10) == "result"
    assert background.get(3, name) is None
    assert background.get(2, "unknown") is None


def test_the_oldest_is_forgotten(background: Background) -> None:
    names = [background.start(1, nothing, nothing) for _ in range(KEPT + 1)]
    assert [background.get(1, name) is None for name in names] == [True, *[False] * KEPT]


def test_it_cleans_up_after_a_failure(background: Background) -> None:
    cleaned = threading.Event()
    name = background.start(1, lambda: 1 / 0, cleaned.set)
    piece = background.get(1, name)
    assert piece is not None
    assert isinstance(piece.exception(10), ZeroDivisionError)
    assert cleaned.wait(10)


def test_waiting_work_is_cancelled_and_cleaned_up_at_the_end() -> None:
    background, begun, may_end = Background(), threading.Event(), threading.Event()
    done, cleaned = [], []

    def long() -> None:
        begun.set()
        may_end.wait(10)
        done.append("long")

    # GIVEN a piece that runs, and one that waits
    running = background.get(1, background.start(1, long, lambda: cleaned.append("long")))
    background.start(1, lambda: done.append("waiting"), lambda: cleaned.append("waiting"))
    assert begun.wait(10)
    # WHEN the console ends
    background.close()
    # THEN the second one never begins
    assert cleaned == ["waiting"]
    may_end.set()
    assert running is not None
    running.result(10)
    assert done == ["long"]
