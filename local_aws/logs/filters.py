"""Patterns of metric filters for log events in JSON, such as ``{ $.status = "5*" && $.error != "-" }``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Match = Callable[[Any], bool]

_TOKEN = re.compile(r'\s*(?:(\$(?:\.\w+)+)|"([^"]*)"|(&&|\|\||!=|=|[(){}])|([\w*.+-]+))')


class UnsupportedPatternError(ValueError):
    """A pattern of a form that local AWS does not evaluate."""


def parse(pattern: str) -> Match:
    """Return a function that takes a log event's message and returns whether it matches.

    Comparisons of a property with = and != can be combined with &&, || and parentheses. In a text, * stands
    for any characters. A message that is not JSON, or that lacks the property, does not match.

    Raises
    ------
    UnsupportedPatternError
        If the pattern has another form.
    """
    condition = _Parser(pattern).whole()

    def matches(message: Any) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return condition(document)

    return matches


class _Parser:
    """Reads a pattern from left to right; && binds more closely than ||."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        # Kind and text: a property, a quoted text, a sign or a word.
        self._tokens: list[tuple[int, str]] = []
        position = 0
        while position < len(pattern.rstrip()):
            found = _TOKEN.match(pattern, position)
            if found is None or found.lastindex is None:
                raise self._unsupported()
            self._tokens.append((found.lastindex, found[found.lastindex]))
            position = found.end()

    def whole(self) -> Match:
        """Read the whole pattern."""
        self._expect("{")
        found = self._either()
        self._expect("}")
        if self._tokens:
            raise self._unsupported()
        return found

    def _either(self) -> Match:
        parts = [self._all()]
        while self._take("||"):
            parts.append(self._all())
        return lambda document: any(part(document) for part in parts)

    def _all(self) -> Match:
        parts = [self._one()]
        while self._take("&&"):
            parts.append(self._one())
        return lambda document: all(part(document) for part in parts)

    def _one(self) -> Match:
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        if len(self._tokens) < 3:
            raise self._unsupported()
        (kind, path), (_, sign), (value_kind, value) = self._tokens[:3]
        if kind != 1 or sign not in ("=", "!=") or value_kind not in (2, 4):
            raise self._unsupported()
        del self._tokens[:3]
        wanted = re.compile(".*".join(map(re.escape, value.split("*"))), re.DOTALL)

        def compare(document: Any) -> bool:
            found = _at(document, path)
            return found is not None and (wanted.fullmatch(found) is not None) == (sign == "=")

        return compare

    def _take(self, sign: str) -> bool:
        if self._tokens[:1] == [(3, sign)]:
            del self._tokens[0]
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._unsupported()

    def _unsupported(self) -> UnsupportedPatternError:
        return UnsupportedPatternError(
            f"Local AWS does not evaluate the pattern {self._pattern}. It evaluates comparisons "
            'of properties with = and !=, such as { $.status = "5*" && $.error != "-" }.'
        )


def _at(document: Any, path: str) -> str | None:
    """Return the value of a property as text; None if there is none."""
    for name in path.split(".")[1:]:
        document = document.get(name) if isinstance(document, Mapping) else None
    if document is None or isinstance(document, Mapping | list):
        return None
    return document if isinstance(document, str) else json.dumps(document)
