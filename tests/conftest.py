"""What every test starts with."""

from __future__ import annotations

import os

import pytest

# The console of the commands takes its width when it is first used, by whichever test that is.
os.environ["COLUMNS"] = "200"


@pytest.fixture(autouse=True)
def _no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the options of commands that other tests have run; messages repeat those."""
    monkeypatch.setattr("scripts.aws.session._given", [])
