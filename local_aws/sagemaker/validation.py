"""Checks a request against the service model's constraints, as the service does before it acts."""

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
    """Return what is wrong with a request, in the service's own words; empty when nothing is.

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
    return [] if shape is None else list(_check(shape, request, ""))


def error_message(found: list[str]) -> str:
    """Join the problems of a request into one message."""
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    return f"{count}: {'; '.join(found)}"


def _check(shape: Shape, value: Any, where: str) -> Iterator[str]:
    allowed = _TYPES.get(shape.type_name)
    if allowed is not None and not _is_a(value, allowed):
        yield _problem(value, where, f"Member must be of type {shape.type_name}")
        return
    yield from _constraints(shape, value, where)
    if isinstance(shape, StructureShape):
        yield from _check_members(shape, value, where)
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from _check(shape.member, item, f"{where}.{index + 1}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _check(shape.key, key, f"{where}.key")
            yield from _check(shape.value, item, f"{where}.{key}.value")


def _check_members(shape: StructureShape, value: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _problem(None, _join(where, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _check(member, value[name], _join(where, name))


def _is_a(value: object, allowed: tuple[type, ...]) -> bool:
    # bool is an int in Python but not in JSON
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
    """Translate a pattern of the service model, written for Java, into Python's."""
    # A quantified end of string, as in "$" + "{1,256}", says nothing that the lengths do not.
    pattern = re.sub(r"\$\{\d+,\d+\}$", "", pattern)
    pattern = re.sub(r"\\p\{([A-Z])[a-z]?\}", lambda match: _category(match.group(1)), pattern)
    pattern = re.sub(r"\\p\{(Alpha|Alnum|Digit|Print|ASCII|Graph)\}", lambda m: _POSIX[m.group(1)], pattern)
    # Java spells the characters above U+FFFF as a range of surrogate pairs.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff")
    # Inside a class Python warns about what Java reads as set operations.
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
    """Return the ranges, for use inside a character class, of a Unicode category in the basic plane."""
    ranges: list[list[int]] = []
    for code in range(0x10000):
        if not unicodedata.category(chr(code)).startswith(letter):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\u{low:04x}-\\u{high:04x}" for low, high in ranges)
