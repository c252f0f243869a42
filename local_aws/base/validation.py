"""Validates a request against the constraints of the service model: types, patterns, lengths, enums."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
_SHOWN = 200


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service."""
    return botocore.session.Session().get_service_model(service)


def problems(service: str, operation: str, request: Mapping[str, Any]) -> list[str]:
    """Return the problems of a request, worded as the service does; an empty list means that it is valid.

    Parameters
    ----------
    service, operation : str
        Such as ``"sagemaker"`` and ``"CreateModel"``.
    request : Mapping
        The request's JSON.
    """
    model = service_model(service)
    if operation not in model.operation_names:
        return []
    shape = model.operation_model(operation).input_shape
    return [] if shape is None else list(violations(shape, request))


def error_message(found: list[str]) -> str:
    """Join the problems of a request into one message."""
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    return f"{count}: {'; '.join(found)}"


def violations(shape: Shape, value: Any, where: str = "") -> Iterator[str]:
    """Yield the problems of a value against one shape of the service model; `where` is its path."""
    allowed = _TYPES.get(shape.type_name)
    if allowed is not None and not _is_a(value, allowed):
        yield _problem(value, where, f"Member must be of type {shape.type_name}")
        return
    yield from _constraints(shape, value, where)
    if isinstance(shape, StructureShape):
        yield from _check_members(shape, value, where)
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from violations(shape.member, item, f"{where}.{index + 1}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from violations(shape.key, key, f"{where}.key")
            yield from violations(shape.value, item, f"{where}.{key}.value")


def _check_members(shape: StructureShape, value: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _problem(None, _join(where, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from violations(member, value[name], _join(where, name))


def _is_a(value: object, allowed: tuple[type, ...]) -> bool:
    # A bool is an int in Python, but not in JSON.
    return isinstance(value, allowed) and (allowed == (bool,) or not isinstance(value, bool))


def _constraints(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield _problem(value, where, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not compiled(pattern).fullmatch(value):
        yield _problem(value, where, f"Member must satisfy regular expression pattern: {pattern}")
    sized = isinstance(value, (str, list, dict))
    size = len(value) if sized else value
    noun = "length" if sized else "value"
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and size < minimum:
        yield _problem(value, where, f"Member must have {noun} greater than or equal to {minimum}")
    if maximum is not None and size > maximum:
        yield _problem(value, where, f"Member must have {noun} less than or equal to {maximum}")


def _problem(value: object, where: str, constraint: str) -> str:
    shown = "null" if value is None else str(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}... ({len(shown)} characters)"
    return f"Value '{shown}' at '{where}' failed to satisfy constraint: {constraint}"


def _join(where: str, name: str) -> str:
    lowered = name[0].lower() + name[1:]
    return f"{where}.{lowered}" if where else lowered


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the service model, which is written for Java, as a Python pattern."""
    # Some patterns repeat the length after the end of string, as in "$" followed by "{1,256}".
    pattern = re.sub(r"\$\{\d+,\d+\}$", "", pattern)
    pattern = re.sub(r"\\p\{([A-Z])[a-z]?\}", lambda match: _category(match.group(1)), pattern)
    pattern = re.sub(r"\\p\{(Alpha|Alnum|Digit|Print|ASCII|Graph)\}", lambda m: _POSIX[m.group(1)], pattern)
    # Java writes characters above U+FFFF as surrogate pairs.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff")
    # Python warns about "[[" in a character class, where Java allows nested classes.
    pattern = pattern.replace("[[", "[\\[")
    return re.compile(pattern)


_POSIX = {
    "Alpha": "A-Za-z",
    "Alnum": "A-Za-z0-9",
    "Digit": "0-9",
    "Print": r"\x20-\x7e",
    "ASCII": r"\x00-\x7f",
    "Graph": r"\x21-\x7e",
}


@functools.cache
def _category(letter: str) -> str:
    """Return the characters of a Unicode category below U+10000 as ranges for a character class."""
    ranges: list[list[int]] = []
    for code in range(0x10000):
        if not unicodedata.category(chr(code)).startswith(letter):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\u{low:04x}-\\u{high:04x}" for low, high in ranges)
