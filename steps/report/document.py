"""The frame of every page: head, style and policy."""

from __future__ import annotations

from steps.report.markup import Child, Markup, element, join
from steps.report.style import STYLE

# Blocks scripts and external resources, even if names in a data file contain markup.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def document(title: str, *contents: Child) -> str:
    """Return a self-contained HTML page."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", STYLE),
    )
    body = element("body", element("main", *contents))
    return join([Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n")])
