"""A browser for tests: the system's Chromium or Chrome, else the one that Playwright has downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The browser sends no requests of its own. Its checks of requests to loopback are off: not every browser has
# them, and the tests are about local AWS.
_OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessRespectPreflightResults",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    system = next((found for name in _SYSTEM if (found := shutil.which(name))), None)
    # Chromium's sandbox does not run as root, as in most containers.
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=system, args=[*_OPTIONS, *sandbox])
        yield started
        started.close()
