"""A small model, and calls of its handlers as the serving stack makes them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from inference.artifact import Model
from inference.contract import contract_hash
from inference.handlers import input_fn, output_fn, predict_fn
from steps.export.served import ServedModel

NAMES = ["Debt ratio %", "Cash flow per share", "ROA(A)"]
HASH = contract_hash(NAMES)
CONTRACT = {
    "contract": HASH,
    "features": [{"name": name, "min": 0.0, "max": 1.0} for name in NAMES],
    "threshold": 0.2,
    "risk_levels": [
        {"level": "low", "from": 0.0},
        {"level": "medium", "from": 0.2},
        {"level": "high", "from": 0.75},
    ],
}
# The logit is ln 3 · (first number): 0 gives 1/2, 1 gives 3/4, -1 gives 1/4, -2 gives 1/10
SERVED = ServedModel(
    {"0.coefficients": np.array([[np.log(3.0)], [0.0], [1e-9]]), "0.intercept": np.zeros(1)},
    {
        "stages": [
            {"kind": "linear", "arrays": "0"},
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)
JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"


def ask(
    model: Model,
    body: object,
    content_type: str | None = JSON,
    accept: str | None = JSON,
) -> tuple[int, str, str]:
    """Call the handlers as the serving stack does; return status, media type and body."""
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    answer: Any = output_fn(predict_fn(input_fn(body, content_type), model), accept)
    if isinstance(answer, tuple):
        return 200, answer[1], answer[0]
    return answer.status_code, answer.mimetype, answer.get_data(as_text=True)


def error(model: Model, body: object, content_type: str | None = JSON, accept: str = JSON) -> Any:
    """Return status, code and {loc: message} of an error, which is always JSON."""
    status, media_type, text = ask(model, body, content_type, accept)
    assert media_type == JSON
    found = json.loads(text)["error"]
    assert found["message"]
    return status, found["code"], {tuple(detail["loc"]): detail["message"] for detail in found["details"]}


NAMED = {"ROA(A)": 0, "Debt ratio %": 1, "Cash flow per share": 7.5}
