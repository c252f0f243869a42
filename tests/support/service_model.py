"""Checks a request against what the service's own model says of values, which botocore itself does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape


def violations(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Yield where a request breaks the pattern, length, range or values that the service's model gives."""
    limits: Any = shape.metadata
    size = value if isinstance(value, int | float) else len(value)
    if not limits.get("min", size) <= size <= limits.get("max", size):
        yield f"{path}: {value!r} is not within {limits.get('min')} and {limits.get('max')}"
    if isinstance(value, str):
        if "pattern" in limits and not _pattern(limits["pattern"]).fullmatch(value):
            yield f"{path}: {value!r} does not match {limits['pattern']}"
        if limits.get("enum") and value not in limits["enum"]:
            yield f"{path}: {value!r} is none of the allowed values"
    members: Any = shape
    if isinstance(value, dict):
        for key, item in value.items():
            inner = members.members[key] if shape.type_name == "structure" else members.value
            yield from violations(item, inner, f"{path}.{key}".lstrip("."))
            if shape.type_name == "map":
                yield from violations(key, members.key, f"{path}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from violations(item, members.member, f"{path}[{number}]")


def _pattern(java: str) -> re.Pattern[str]:
    """Translate a pattern of the service's model; of each Unicode category the ASCII part will do."""
    classes = {"L": "a-zA-Z", "M": "", "N": "0-9", "S": r"$+<=>^`|~", "Z": " ", "P": r"!-#%-*,-/:;?@\[-\]_{}"}
    for category, characters in classes.items():
        java = java.replace(rf"\p{{{category}}}", characters)
    return re.compile(re.sub(r"\$\{1,\d+\}$", "", java), re.DOTALL)
