"""Compares the JSON results of commands with docs/scripting.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from support.repository import ROOT

PAGE = ROOT / "docs" / "scripting.md"
ANY = "…"


def documented_results() -> dict[str, Any]:
    """Return the example of each command's result, by the command's words."""
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        heading, _, text = section.partition("\n")
        example = "".join(re.findall(r"^    (.*)$", text, re.MULTILINE))
        for command in re.findall(r"`([^`]+)`", heading):
            assert command not in found, f"{command} is documented twice"
            found[command] = json.loads(example)
    return found


def differences(example: Any, result: Any, place: str = "") -> Iterator[str]:
    """Yield how a result differs from a documented example in its fields and their kinds.

    Any value can be null. A list can be empty, but its items must be like the example's.
    """
    if result is None or example is None:
        return
    if isinstance(example, dict) and isinstance(result, dict):
        if ANY not in example:
            yield from (f"{place}.{name} is missing" for name in example.keys() - result.keys())
        for name, value in result.items():
            if name in example:
                yield from differences(example[name], value, f"{place}.{name}")
            elif ANY not in example:
                yield f"{place}.{name} is not documented"
    elif isinstance(example, list) and isinstance(result, list):
        for item in result:
            yield from differences(example[0], item, f"{place}[]")
    elif _kind(example) is not _kind(result):
        yield f"{place} is {result!r}, unlike {example!r}"


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)
