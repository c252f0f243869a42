"""Builds the OpenAPI document from the schemas and the champion's contract."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from predict_api.contract import Contract
from predict_api.openapi import schemas
from predict_api.openapi.examples import PLACEHOLDER, answer_examples, error_examples, request_examples
from predict_api.request.body import MAX_BYTES
from predict_api.request.validation import MAX_COMPANIES, MAX_EXPLAINED

_REF = "#/components/schemas/"
_DESCRIPTION = f"""
Predicts the risk that companies go bankrupt.

`POST /predict` scores up to {MAX_COMPANIES:,} companies (at most {MAX_BYTES:,} bytes).
`GET /model` lists the model's features in order. Retraining can change them.
Send the `contract` hash with a request, so that it is rejected instead of misread after such a change.
Errors are always JSON with a stable `code`.

Unless the operator has switched it off, answered predictions are logged, by default with the numbers sent,
to watch the model. The operator sets how long they are kept (by default 760 days), and deletes single ones on
request by their `prediction_id` or `id`.
"""
_WITHOUT_NAMES = """
This document does not name the features. In its examples, a model has three features with invented names.
Send as many numbers as `GET /model` lists, with its names.
"""

ERRORS = {
    400: {"invalid_json": "The body is not JSON."},
    403: {"forbidden": "The API key is missing or unknown."},
    409: {"contract_mismatch": "The contract in the request is not the one in service."},
    413: {"payload_too_large": "The body is too large."},
    415: {"unsupported_media_type": "The Content-Type is missing or not application/json."},
    422: {"validation_failed": "A shape, count, name or number is wrong; `details` has the locations."},
    429: {
        "throttled": "Too many requests at the moment.",
        "quota_exceeded": "The monthly quota of the API key is used up.",
    },
    500: {"internal_error": "Unexpected error. Report it with the request id."},
    502: {"model_error": "The model could not answer."},
    503: {
        "no_model": "No model has been deployed yet.",
        "endpoint_unavailable": "The model is paused, being deployed or withdrawn.",
        "deploying": "A model with other features is being deployed.",
        "unavailable": "The model's contract cannot be read at the moment.",
    },
    504: {"endpoint_timeout": "The model did not answer in time."},
}
_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "Whether to add the five features that change the score most to each prediction; "
    f"for at most {MAX_EXPLAINED} companies at a time.",
    "schema": {"type": "boolean", "default": False},
    "example": True,
}
_REQUEST_ID = {"description": "Identifies the request in reports and logs.", "schema": {"type": "string"}}
_RETRY_AFTER = {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}


def build_document(contract: Contract | None) -> dict[str, Any]:
    """Return the OpenAPI document.

    Parameters
    ----------
    contract
        The champion's contract, for exact schemas and working examples. Without one, because there is no
        champion or because the names need an API key, the schemas are general and the names invented.
    """
    description = _DESCRIPTION.strip() if contract else _DESCRIPTION.strip() + "\n" + _WITHOUT_NAMES.rstrip()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bankruptcy risk API", "version": "1.0.0", "description": description},
        # Relative to the document's own URL, so it is right for any stage or domain.
        "servers": [{"url": "."}],
        "security": [{"apiKey": []}],
        "tags": [
            {"name": "Scoring", "description": "Needs the API key."},
            {"name": "Service", "description": "Needs no API key."},
        ],
        "paths": _paths(contract),
        "components": {
            "schemas": _schemas(contract),
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def _paths(contract: Contract | None) -> dict[str, Any]:
    requests = {"examples": request_examples(contract or PLACEHOLDER)}
    answers = {"examples": answer_examples(contract or PLACEHOLDER)}
    return {
        "/predict": {
            "post": {
                "operationId": "predict",
                "tags": ["Scoring"],
                "summary": "Score one company or many",
                "description": "Accepts any of the forms in the examples.",
                "parameters": [_EXPLAIN],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {**_content("PredictRequest"), **requests}},
                },
                "responses": _responses(
                    {**_content("PredictAnswer"), **answers}, "The predictions.", *ERRORS
                ),
            }
        },
        "/model": {
            "get": {
                "operationId": "model",
                "tags": ["Scoring"],
                "summary": "Get the contract of the champion, the model in service",
                "responses": _responses(_content("ModelAnswer"), "The contract.", 403, 429, 500, 503),
            }
        },
        "/health": _open_path("health", "Check that the API is up", _content("HealthAnswer")),
        "/openapi.json": _open_path("openapi", "Get this document", {"schema": {"type": "object"}}),
        "/docs": _open_path(
            "docs", "Get this document as a web page", {"schema": {"type": "string"}}, media_type="text/html"
        ),
    }


def _open_path(
    operation: str, summary: str, content: dict[str, Any], media_type: str = "application/json"
) -> dict[str, Any]:
    """Return a path with a GET that needs no API key."""
    return {
        "get": {
            "operationId": operation,
            "tags": ["Service"],
            "summary": summary,
            "security": [],
            "responses": _responses(content, "The request succeeded.", 429, 500, media_type=media_type),
        }
    }


def _responses(
    content: dict[str, Any], description: str, *errors: int, media_type: str = "application/json"
) -> dict[str, Any]:
    headers = {"X-Request-Id": _REQUEST_ID}
    responses: dict[str, Any] = {
        "200": {"description": description, "headers": headers, "content": {media_type: content}}
    }
    for status in errors:
        responses[str(status)] = {
            "description": " ".join(f"`{code}`: {meaning}" for code, meaning in ERRORS[status].items()),
            "headers": {**headers, "Retry-After": _RETRY_AFTER} if status in (429, 503) else headers,
            "content": {
                "application/json": {**_content("ErrorAnswer"), "examples": error_examples(ERRORS[status])}
            },
        }
    return responses


def _content(schema: str) -> dict[str, Any]:
    return {"schema": {"$ref": _REF + schema}}


def _schemas(contract: Contract | None) -> dict[str, Any]:
    _, generated = models_json_schema(
        [
            (schemas.PredictRequest, "validation"),
            (schemas.PredictAnswer, "validation"),
            (schemas.ModelAnswer, "validation"),
            (schemas.HealthAnswer, "validation"),
            (schemas.ErrorAnswer, "validation"),
        ],
        ref_template=_REF + "{model}",
    )
    definitions: dict[str, Any] = generated["$defs"]
    if contract is not None:
        count = len(contract.names)
        definitions["Numbers"] |= {"minItems": count, "maxItems": count}
        definitions["NamedNumbers"] |= {
            "properties": dict.fromkeys(contract.names, definitions["NamedNumbers"]["additionalProperties"]),
            "required": list(contract.names),
            "additionalProperties": False,
        }
    return definitions
