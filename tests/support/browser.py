"""A page of a real browser that must have nothing to report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Page


@contextmanager
def silent_page(context: BrowserContext) -> Iterator[Page]:
    """Yield a new page, and check at the end that its browser has logged nothing.

    Only the script of a report's frame may be blocked.
    """
    page, messages = context.new_page(), []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    yield page
    assert [each for each in messages if "frame is sandboxed" not in each] == []
