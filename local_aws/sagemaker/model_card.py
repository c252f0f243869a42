"""Validates the model card of a model package against the schema that SageMaker documents."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

_Schema = dict[str, Any]


def problems(content: str) -> list[str]:
    """Return the problems of a card's content; an empty list means that it is valid.

    The schema is the reduced one for cards of model packages, where `model_overview` has two members
    (https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema).
    """
    try:
        card = json.loads(content)
    except ValueError as error:
        return [f"the content is not JSON ({error})"]
    return [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(card)]


def _text(longest: int) -> _Schema:
    return {"type": "string", "maxLength": longest}


def _list_of(item: _Schema, **limits: int) -> _Schema:
    return {"type": "array", "items": item, **limits}


def _object(*required: str, **members: _Schema) -> _Schema:
    return {
        "type": "object",
        "properties": members,
        "required": list(required),
        "additionalProperties": False,
    }


_ANY: _Schema = {}
_TEXTS_BY_NAME: _Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_VALIDATOR = Draft202012Validator(
    _object(
        model_overview=_object(model_creator=_text(1024), model_artifact=_list_of(_text(1024))),
        intended_uses=_object(
            purpose_of_model=_text(2048),
            intended_uses=_text(2048),
            factors_affecting_model_efficiency=_text(2048),
            risk_rating={"enum": ["High", "Medium", "Low", "Unknown"]},
            explanations_for_risk_rating=_text(2048),
        ),
        business_details=_object(
            business_problem=_text(2048), business_stakeholders=_text(2048), line_of_business=_text(2048)
        ),
        training_details=_object(
            objective_function=_ANY, training_observations=_text(1024), training_job_details=_ANY
        ),
        evaluation_details=_list_of(
            _object(
                "name",
                name=_text(63),
                evaluation_observation=_text(2096),
                evaluation_job_arn=_text(256),
                datasets=_list_of(_text(1024), maxItems=10),
                metadata=_TEXTS_BY_NAME,
                metric_groups=_list_of(_object("name", "metric_data", name=_text(63), metric_data=_ANY)),
            )
        ),
        additional_information=_object(
            ethical_considerations=_text(2048),
            caveats_and_recommendations=_text(2048),
            custom_details=_TEXTS_BY_NAME,
        ),
    )
)
