"""Each test of the console runs twice: on local AWS, and as if local AWS were an account."""

from __future__ import annotations

import pytest
from support.console import ConsoleAws


@pytest.fixture(params=["local AWS", "an account"], autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the console seems to run; the test itself always uses local AWS."""
    kind: str = request.param
    if kind == "an account":
        monkeypatch.setattr(ConsoleAws, "is_local", False, raising=False)
        monkeypatch.setattr(ConsoleAws, "poll_seconds", 0.1, raising=False)
    return kind
