"""Builds HTML and SVG elements, and escapes their contents."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is already markup. Only `element`, `join` and constants of this package create it."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the markup, which templates then insert unchanged."""
        return self


Child = Any  # Markup, str, a number, None, or an iterable of them


def element(tag: str, /, *children: Child, **attributes: object) -> Markup:
    """Return an element.

    Parameters
    ----------
    tag
        The element's name.
    *children
        Markup is inserted unchanged, other values are escaped, None is skipped, and iterables are flattened.
    **attributes
        Underscores become hyphens, and a trailing one is dropped (`class_`). None skips an attribute.
    """
    text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{text}>")
    return Markup(f"<{tag}{text}>{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Markup:
    """Return the children concatenated, escaped unless they are markup."""
    return Markup("".join(_child(child) for child in children))


def section(title: str, *children: Child) -> Markup:
    """Return a section of the report; `contents` links to it."""
    return element("section", element("h2", title), *children, id=_anchor(title))


def contents(titles: Iterable[str]) -> Markup:
    """Return links to the sections with these titles."""
    links = [element("li", element("a", title, href=f"#{_anchor(title)}")) for title in titles]
    return element("nav", element("ul", links), aria_label="Contents")


def panel(title: str, *children: Child) -> Markup:
    """Return a part of a section with its own title."""
    return element("div", element("h3", title), *children)


def pair(*panels: Child) -> Markup:
    """Return parts of a section side by side."""
    return element("div", *panels, class_="pair")


def lead(text: str) -> Markup:
    """Return the introduction of a section."""
    return element("p", text, class_="lead")


def note(text: str) -> Markup:
    """Return a remark in small print."""
    return element("p", text, class_="small muted")


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a percentage with a non-breaking space; a dash for NaN."""
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f}\u00a0%"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(child)
    if isinstance(child, Iterable):
        return join(child)
    return escape(_text(child))


def _text(value: object) -> str:
    # Two decimals are finer than a pixel and keep the file small.
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
