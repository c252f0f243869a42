"""JSON documents: values at a property path, and members that have a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PIECE = re.compile(r"\.?([^.\[\]]+)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")
# ['name'] selects the list entry that has this value in one of these members.
_LIST_KEYS = ("OutputName", "InputName", "ChannelName", "Name")


class PathError(ValueError):
    """A property path at which a document has no value."""


def follow(value: Any, path: str, source: str) -> Any:
    """Return the value at a property path such as ``ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri``.

    Parameters
    ----------
    value
        The document.
    path
        Names separated by dots; list entries by index or name in brackets.
    source
        Name of the document, for the error message.

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


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are neither None nor an empty structure or list, as AWS answers."""
    return {key: value for key, value in values.items() if value is not None and value not in ({}, [])}


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members whose value is not None."""
    return {key: value for key, value in values.items() if value is not None}
