"""Answers predictions with a version's model on this machine, in the form of the REST API."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from inference import handlers
from inference.artifact import Model
from inference.errors import RequestError
from inference.explain import contributions
from inference.request import JSON, decode
from inference.validation import to_matrix
from scripts.predict.client import ApiError


class LocalModel:
    """A model that answers requests as its endpoint would.

    Parameters
    ----------
    model
        The loaded model.
    version
        Its version.
    """

    def __init__(self, model: Model, version: int) -> None:
        self.version = version
        self._model = model

    @property
    def levels(self) -> tuple[str, ...]:
        """The risk levels, lowest first."""
        return self._model.contract.levels

    @property
    def contract(self) -> str:
        """The contract hash."""
        return self._model.contract.hash

    @property
    def names(self) -> tuple[str, ...]:
        """The features in order."""
        return self._model.contract.names

    def get(self, _path: str, /) -> dict[str, Any]:
        """Return the model's contract."""
        return dict(self._model.contract.facts)

    def predict(self, body: Any, *, explain: bool = False) -> dict[str, Any]:
        """Return predictions for the companies of a request.

        Raises
        ------
        ApiError
            If a company is invalid.
        """
        document = {**body, "explain": True} if explain else body
        result = handlers.predict_fn(handlers.input_fn(json.dumps(document), JSON), self._model)
        if isinstance(result, RequestError):
            details = [{"loc": list(problem.loc), "message": problem.message} for problem in result.problems]
            raise ApiError(result.status, result.code, result.message, details)
        text, _ = handlers.output_fn(result, JSON)
        answer = json.loads(text)
        return {**answer, "model": {**answer["model"], "version": str(self.version)}, "warnings": []}

    @property
    def median_score(self) -> float:
        """The log-odds of the company with the median of every feature."""
        return float(self._model.log_odds(np.array([self._model.contract.medians]))[0])

    def effects(self, company: Any) -> dict[str, tuple[float, float]]:
        """Return the value of each feature of a valid company, and what it adds to the log-odds.

        The effects add up to the company's log-odds minus those of the median company.
        """
        request = decode(json.dumps({"instances": [company]}), JSON)
        row = to_matrix(request, self._model.contract)[0]
        effects, _, _ = contributions(self._model, row)
        return dict(zip(self.names, zip(row.tolist(), effects.tolist(), strict=True), strict=True))
