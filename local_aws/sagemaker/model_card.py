"""Checks a model package's card against the schema that the service documents for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Yields what is wrong with a value at a place.
_Check = Callable[[Any, str], Iterator[str]]


def problems(content: str) -> list[str]:
    """Return what is wrong with a card's content; empty when nothing is.

    The schema is the reduced one for cards of model packages, where `model_overview` has two members
    (https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema).
    """
    try:
        card = json.loads(content)
    except ValueError as error:
        return [f"the content is not JSON ({error})"]
    return list(_CARD(card, ""))


def _text(longest: int) -> _Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{where} must be a string"
        elif len(value) > longest:
            yield f"{where} has {len(value)} characters, at most {longest} are allowed"

    return check


def _one_of(*allowed: str) -> _Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if value not in allowed:
            yield f"{where} is {value!r}, it must be one of {', '.join(allowed)}"

    return check


def _list_of(item: _Check, most: int | None = None) -> _Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{where} must be a list"
            return
        if most is not None and len(value) > most:
            yield f"{where} has {len(value)} items, at most {most} are allowed"
        for at, each in enumerate(value):
            yield from item(each, f"{where}[{at}]")

    return check


def _object(members: Mapping[str, _Check], required: tuple[str, ...] = ()) -> _Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where or 'the card'} must be an object"
            return
        yield from (f"{where} lacks {name}" for name in required if name not in value)
        for name, each in value.items():
            inner = f"{where}.{name}" if where else name
            if name in members:
                yield from members[name](each, inner)
            else:
                yield f"{inner} is not a member of a model package's card"

    return check


def _any(value: Any, where: str) -> Iterator[str]:  # noqa: ARG001
    """Take what only the service checks further."""
    yield from ()


def _texts_by_name(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        yield f"{where} must be an object of strings"


_EVALUATION = _object(
    {
        "name": _text(63),
        "evaluation_observation": _text(2096),
        "evaluation_job_arn": _text(256),
        "datasets": _list_of(_text(1024), 10),
        "metadata": _texts_by_name,
        "metric_groups": _list_of(_object({"name": _text(63), "metric_data": _any}, ("name", "metric_data"))),
    },
    ("name",),
)
_CARD = _object(
    {
        "model_overview": _object({"model_creator": _text(1024), "model_artifact": _list_of(_text(1024))}),
        "intended_uses": _object(
            {
                "purpose_of_model": _text(2048),
                "intended_uses": _text(2048),
                "factors_affecting_model_efficiency": _text(2048),
                "risk_rating": _one_of("High", "Medium", "Low", "Unknown"),
                "explanations_for_risk_rating": _text(2048),
            }
        ),
        "business_details": _object(
            {
                "business_problem": _text(2048),
                "business_stakeholders": _text(2048),
                "line_of_business": _text(2048),
            }
        ),
        "training_details": _object(
            {"objective_function": _any, "training_observations": _text(1024), "training_job_details": _any}
        ),
        "evaluation_details": _list_of(_EVALUATION),
        "additional_information": _object(
            {
                "ethical_considerations": _text(2048),
                "caveats_and_recommendations": _text(2048),
                "custom_details": _texts_by_name,
            }
        ),
    }
)
