"""HTML and SVG elements that escape whatever is put into them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is markup already. Only `element` and constants of this package make it."""

    __slots__ = ()


Child = Any  # Markup, str, a number, None, or an iterable of them


def element(tag: str, /, *children: Child, **attributes: object) -> Markup:
    """Return an element.

    Parameters
    ----------
    tag
        The element's name.
    *children
        Markup is taken as it is; anything else is escaped, None left out, an iterable flattened.
    **attributes
        An underscore stands for a hyphen, `class_` for class; None leaves an attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Markup:
    """Return children one after another, escaped unless they are markup."""
    return Markup("".join(_child(child) for child in children))


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a percentage whose sign stays on its line; a dash where there is none."""
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f}\u00a0%"


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
    # Two decimals are finer than a screen's pixels, and keep the file small.
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
