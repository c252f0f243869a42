"""A client of an API whose probability is the first feature."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from scripts.predict.client import ApiError
from scripts.predict.predictions import Predictions

NAMES = ("assets", "debt")
EXPLANATION = [
    {"feature": "debt", "value": 0.5, "median": 0.25, "effect": 0.754, "direction": "raises"},
    {"feature": "assets [net]", "value": 0.5, "median": 0.25, "effect": -0.25, "direction": "lowers"},
]


class Api:
    """An API whose probability is the first feature; the first requests get the given errors."""

    def __init__(self, *errors: ApiError, names: Sequence[str] = NAMES) -> None:
        self.names = tuple(names)
        self.bodies: list[Any] = []
        self.most_concurrent = 0
        self._errors = list(errors)
        self._concurrent = 0
        self._lock = threading.Lock()

    @property
    def contract(self) -> str:
        return "+".join(self.names)

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/model"
        return {"contract": self.contract, "features": [{"name": name} for name in self.names]}

    def predict(self, body: Any, *, explain: bool) -> dict[str, Any]:
        assert not explain or len(body["instances"]) <= 100
        with self._lock:
            self._concurrent += 1
            self.most_concurrent = max(self.most_concurrent, self._concurrent)
            self.bodies.append(body)
            error = self._errors.pop(0) if self._errors else None
        try:
            if error is not None:
                raise error
            if body["contract"] != self.contract:
                raise ApiError(409, "contract_mismatch", "another model", [])
            rows = [
                [row[name] for name in self.names] if isinstance(row, dict) else row
                for row in body["instances"]
            ]
            # Like the container, reject too large values with their location.
            rejected = [
                {"loc": ["instances", position, "assets"], "message": "is too large"}
                for position, row in enumerate(rows)
                if row[0] > 1
            ]
            if rejected:
                raise ApiError(422, "validation_failed", "problems", rejected)
            explained = {"explanation": EXPLANATION} if explain else {}
            return {
                "predictions": [{**prediction(row[0]), **explained} for row in rows],
                "model": {"version": str(len(self.names)), "contract": self.contract},
                "warnings": [
                    {"loc": ["instances", position, "assets"], "feature": "assets", "message": "Unlikely."}
                    for position, row in enumerate(rows)
                    if row[0] < 0
                ],
            }
        finally:
            with self._lock:
                self._concurrent -= 1


def prediction(p: float) -> dict[str, Any]:
    return {
        "prediction": int(p >= 0.5),
        "probability": {"not_bankrupt": 1 - p, "bankrupt": p},
        "risk_level": "high" if p >= 0.5 else "low",
        "confidence": max(p, 1 - p),
    }


def outcomes(results: Predictions) -> list[tuple[int, float | str | None]]:
    return [
        (each.number, each.prediction["probability"]["bankrupt"] if each.prediction else each.error)
        for each in results
    ]
