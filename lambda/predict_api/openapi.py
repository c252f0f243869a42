"""The OpenAPI document: forms from schemas.py, feature names and an example from the published contract."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from predict_api import schemas
from predict_api.contract import Contract
from predict_api.openapi_examples import answer_examples, error_examples, request_examples
from predict_api.validation import MAX_BYTES, MAX_COMPANIES, MAX_EXPLAINED

_REF = "#/components/schemas/"
_DESCRIPTION = f"""
Bankruptcy risk of companies.

`POST /predict` scores one company or up to {MAX_COMPANIES:,} (at most {MAX_BYTES:,} bytes).
`GET /model` says which numbers the model wants, and in which order: retraining can change them.
Send the `contract` hash along to be refused, rather than misread, when that has happened.
Errors are always JSON with a stable `code`.
"""

ERRORS = {
    400: {"invalid_json": "The body is not JSON."},
    403: {"forbidden": "The API key is missing or unknown."},
    409: {"contract_mismatch": "The contract that the request names is not served."},
    413: {"payload_too_large": "The body is too large."},
    415: {"unsupported_media_type": "The Content-Type is missing or not application/json."},
    422: {"validation_failed": "Shape, count, names or numbers are wrong; `details` has the places."},
    429: {
        "throttled": "Too many requests at the moment.",
        "quota_exceeded": "The key's requests of this month are used up.",
    },
    500: {"internal_error": "Unexpected. Quote the request id."},
    502: {"model_error": "The model could not answer."},
    503: {
        "no_model": "No model has been deployed yet.",
        "endpoint_unavailable": "The model is paused or being deployed.",
        "deploying": "A model with other features is being deployed.",
        "unavailable": "The model's contract can't be read at the moment.",
    },
    504: {"endpoint_timeout": "The model did not answer in time."},
}
_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "Whether each prediction shall say which five features move its score most; "
    f"for at most {MAX_EXPLAINED} companies at a time.",
    "schema": {"type": "boolean", "default": False},
    "example": True,
}
_REQUEST_ID = {"description": "Quote it when you report a problem.", "schema": {"type": "string"}}
_RETRY_AFTER = {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}


def build_document(contract: Contract | None) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    contract
        The published contract: gives the exact forms of a company and working examples; without one,
        before the first deployment, they stay general.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bankruptcy risk API",
            "version": "1.0.0",
            "description": _DESCRIPTION.strip(),
        },
        # Relative to the document's own address, whatever stage or domain that has.
        "servers": [{"url": "."}],
        "security": [{"apiKey": []}],
        "tags": [
            {"name": "Scoring", "description": "Companies in, probabilities out; needs the API key."},
            {"name": "Service", "description": "Open to everybody."},
        ],
        "paths": _paths(contract),
        "components": {
            "schemas": _schemas(contract),
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def _paths(contract: Contract | None) -> dict[str, Any]:
    document = {"type": "object"}
    requests = {"examples": request_examples(contract)} if contract else {}
    answers = {"examples": answer_examples(contract)} if contract else {}
    return {
        "/predict": {
            "post": {
                "operationId": "predict",
                "tags": ["Scoring"],
                "summary": "Score one company or many",
                "description": "In any of the forms that the examples show.",
                "parameters": [_EXPLAIN],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {**_content("PredictRequest"), **requests}},
                },
                "responses": _responses(
                    {**_content("PredictAnswer"), **answers},
                    "The predictions.",
                    400,
                    403,
                    409,
                    413,
                    415,
                    422,
                    429,
                    500,
                    502,
                    503,
                    504,
                ),
            }
        },
        "/model": {
            "get": {
                "operationId": "model",
                "tags": ["Scoring"],
                "summary": "The contract of the deployed model",
                "responses": _responses(_content("ModelAnswer"), "The contract.", 403, 429, 500, 503),
            }
        },
        "/health": {
            "get": {
                "operationId": "health",
                "tags": ["Service"],
                "summary": "Whether the API is up",
                "security": [],
                "responses": _responses(_content("HealthAnswer"), "It is.", 429, 500),
            }
        },
        "/openapi.json": {
            "get": {
                "operationId": "openapi",
                "tags": ["Service"],
                "summary": "This document",
                "security": [],
                "responses": _responses({"schema": document}, "An OpenAPI 3.1 document.", 429, 500),
            }
        },
        "/docs": {
            "get": {
                "operationId": "docs",
                "tags": ["Service"],
                "summary": "This document as a page",
                "security": [],
                "responses": _responses(
                    {"schema": {"type": "string"}}, "The page.", 429, 500, media_type="text/html"
                ),
            }
        },
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
    found: dict[str, Any] = generated["$defs"]
    if contract is not None:
        count = len(contract.names)
        found["Numbers"] |= {"minItems": count, "maxItems": count}
        found["NamedNumbers"] |= {
            "properties": dict.fromkeys(contract.names, found["NamedNumbers"]["additionalProperties"]),
            "required": list(contract.names),
            "additionalProperties": False,
        }
    return found
