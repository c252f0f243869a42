"""Stops the session early if the toolkit's environment is missing."""

from __future__ import annotations

import sys

from toolkit.container import TOOLKIT


def pytest_sessionstart() -> None:
    if not (TOOLKIT / "bin" / "serve").exists():
        sys.exit(f"{TOOLKIT} holds no `serve`; run `make test-toolkit`, which builds that environment.")
