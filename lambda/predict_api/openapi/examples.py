"""The examples in the OpenAPI document: valid requests, responses and errors."""

from __future__ import annotations

from typing import Any

from predict_api.contract import Contract

# Stands for a contract whose names are not public.
PLACEHOLDER = Contract(
    {
        "contract": "0123456789abcdef",
        "features": [{"name": f"feature {number}", "min": 0.0, "max": 1.0} for number in (1, 2, 3)],
        "risk_levels": [{"level": "low"}],
        "smoke_test": {"features": [0.5, 0.25, 0.75]},
    }
)
_TIME = "2026-01-02T03:04:05.678Z"
_REQUEST_ID = "5e1f0c9a-3b7d-4c1e-9a52-0d6f8e4b7a11"
_DETAILS: dict[str, tuple[list[str | int], str]] = {
    "contract_mismatch": (["contract"], "'0123456789abcdef' was given; 'fedcba9876543210' is in service."),
    "validation_failed": (
        ["instances", 7, "data"],
        "has 49 of 50 numbers; one is needed per feature, in order",
    ),
}


def request_examples(contract: Contract) -> dict[str, Any]:
    """Return requests to /predict in all forms, with the company of the contract's smoke test."""
    numbers = contract.document["smoke_test"]["features"]
    names = dict(zip(contract.names, numbers, strict=True))
    return {
        "position": _example("One company, numbers in order", {"data": numbers}),
        "name": _example(
            "One company, numbers by name, with a contract hash",
            {"features": names, "contract": contract.hash},
        ),
        "many": _example("Many companies", {"instances": [numbers, names]}),
        "list": _example(
            "Many companies as a bare list, with ids",
            [{"data": numbers, "id": "A-17"}, {"features": names, "id": "A-18"}],
        ),
    }


def answer_examples(contract: Contract) -> dict[str, Any]:
    """Return responses of /predict in all forms, with invented numbers."""
    level = contract.document["risk_levels"][0]["level"]
    prediction = {
        "prediction_id": f"{_REQUEST_ID}-0",
        "prediction": 0,
        "probability": {"not_bankrupt": 0.98, "bankrupt": 0.02},
        "risk_level": level,
        "confidence": 0.98,
    }
    low, high = contract.seen[0]
    effect = {
        "feature": contract.names[0],
        "value": high,
        "median": low,
        "effect": 0.84,
        "direction": "raises",
    }
    # The logarithms of the odds 0.02 / 0.98.
    score = {"log_odds": -3.89, "median_log_odds": -5.2, "other_effects": 0.47}
    more = {"timestamp": _TIME, "model": {"version": "3", "contract": contract.hash}, "warnings": []}
    return {
        "one": _example("One company", {**prediction, **more}),
        "explained": _example(
            "One company with explain=true",
            {**prediction, "explanation": [effect], "explained_score": score, **more},
        ),
        "many": _example(
            "Many companies",
            {"predictions": [prediction, {**prediction, "prediction_id": f"{_REQUEST_ID}-1"}], **more},
        ),
    }


def error_examples(codes: dict[str, str]) -> dict[str, Any]:
    """Return an example error for each code, from a mapping of codes to messages."""
    return {code: _example(code, _error(code, meaning)) for code, meaning in codes.items()}


def _error(code: str, message: str) -> dict[str, Any]:
    details = [{"loc": loc, "message": text} for loc, text in [_DETAILS[code]]] if code in _DETAILS else []
    return {"error": {"code": code, "message": message, "details": details, "request_id": _REQUEST_ID}}


def _example(summary: str, value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}
