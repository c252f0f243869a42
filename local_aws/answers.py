"""Makes moto find actions, and write answers, without looking everything up again for each request."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.core import responses
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class

_look_up = ResponseSerializer.get_value


def install() -> None:
    """List the actions of a class once, and find the members of a plain answer by their names alone."""
    responses.method_names_from_class = cache(method_names_from_class)
    ResponseSerializer.get_value = _get_value


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """Return a member of an answer.

    For a member that an answer lacks, moto tries other names, such as those of Python attributes. There are
    none in a dictionary whose keys are all names of members.
    """
    is_plain = type(value) is dict and not serializer._value_picker.response_transformers
    if is_plain and (key in value or value.keys() <= shape.parent.members.keys()):
        return value.get(key)
    return _look_up(serializer, value, key, shape)
