"""The console sees each test's AWS twice: as local AWS, and as if it were an account."""

from __future__ import annotations

import pytest

from scripts.aws.shared import SharedAws


@pytest.fixture(params=["local AWS", "an account"], autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the console believes to be; the test itself always uses local AWS."""
    kind: str = request.param
    if kind == "an account":
        monkeypatch.setattr(SharedAws, "is_local", False, raising=False)
        monkeypatch.setattr(SharedAws, "poll_seconds", 0.1, raising=False)
    return kind
