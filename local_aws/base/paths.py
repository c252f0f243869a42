"""Property paths, as pipeline definitions and event rules use them to point into a JSON document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PIECE = re.compile(r"\.?([^.\[\]]+)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")
# In a path, ['name'] selects the entry of a list whose member of one of these names is equal.
_LIST_KEYS = ("OutputName", "InputName", "ChannelName", "Name")


class PathError(ValueError):
    """A property path that leads nowhere."""


def follow(value: Any, path: str, source: str) -> Any:
    """Return the value at a property path such as ``ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri``.

    Parameters
    ----------
    value
        The document.
    path
        Names separated by points; list entries by index or by name in brackets.
    source
        The document's name, for the error message.

    Raises
    ------
    PathError
        If the document has no value at this path.
    """
    current = value
    for match in _PIECE.finditer(path):
        plain, single, double, index = match.groups()
        name = next((each for each in (plain, single, double) if each is not None), None)
        try:
            current = current[int(index)] if name is None else _member(current, name)
        except (LookupError, TypeError) as error:
            raise PathError(f"There is no {path} in {source}.") from error
    return current


def _member(value: Any, name: str) -> Any:
    if isinstance(value, list):
        for each in value:
            if isinstance(each, Mapping) and any(each.get(key) == name for key in _LIST_KEYS):
                return each
        raise LookupError(name)
    return value[name]
