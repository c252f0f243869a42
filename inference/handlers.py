"""The functions that SageMaker's scikit-learn serving container calls.

The container turns every exception of a handler into a 500 with an HTML page. Only a response object that
`output_fn` returns can have another status. So the handlers return request errors as values, and `output_fn`
turns them into responses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inference.artifact import Model, load
from inference.contract import Contract
from inference.errors import Problem, RequestError, invalid, unsupported
from inference.explain import Explanation, explain
from inference.request import CSV, JSON, LINES, MEDIA_TYPES, Request, decode, shorten
from inference.validation import to_matrix

if TYPE_CHECKING:
    from werkzeug.wrappers import Response


class Predictions(NamedTuple):
    """The probabilities of a request's companies, and the data to format the response."""

    request: Request
    probabilities: list[float]
    explanations: list[Explanation] | None
    contract: Contract
    version: str | None


def model_fn(model_dir: str) -> Model:
    """Load the model from a folder, which is `/opt/ml/model` in the container."""
    return load(Path(model_dir))


def execution_parameters_fn() -> dict[str, int | str]:
    """Return how batch transform sends its data: as many parallel requests as there are workers.

    Requests are small, because the time depends only on the rows, and larger requests need more memory.
    """
    return {
        "MaxConcurrentTransforms": os.cpu_count() or 1,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 1,
    }


def input_fn(body: str | bytes, content_type: str | None) -> Request | RequestError:
    """Parse a request's body; return an error if it is invalid."""
    try:
        return decode(body, content_type)
    except RequestError as error:
        return error


def predict_fn(request: Request | RequestError, model: Model) -> Predictions | RequestError:
    """Score a request's companies; return an error if they are invalid."""
    if isinstance(request, RequestError):
        return request
    try:
        X = to_matrix(request, model.contract)
        probabilities = model.predict_proba(X).tolist()
        explanations = explain(model, X) if request.explain else None
    except RequestError as error:
        return error
    if isnan(sum(probabilities)):
        message = "The numbers are too large for the model's arithmetic. Check their units."
        overflown = [position for position, p in enumerate(probabilities) if isnan(p)]
        return invalid([Problem(request.loc(position), message) for position in overflown])
    version = os.environ.get("MODEL_PACKAGE_VERSION") or None
    return Predictions(request, probabilities, explanations, model.contract, version)


def output_fn(result: Predictions | RequestError, accept: str | None) -> tuple[str, str] | Response:
    """Return the response.

    Parameters
    ----------
    result
        The return value of `predict_fn`.
    accept
        The Accept header: JSON, CSV or JSON Lines. A wildcard means the request's type; without the header,
        the response is JSON.

    Returns
    -------
    tuple of body and media type, or werkzeug.wrappers.Response
        Errors are response objects, because those have a status.
    """
    if isinstance(result, RequestError):
        return _error_response(result)
    try:
        media_type = _choose(accept, result.request.media_type)
        if media_type == CSV and result.explanations is not None:
            raise unsupported(f"{CSV} has no room for explanations. Accept {JSON} or {LINES}.")
    except RequestError as error:
        return _error_response(error)
    return _WRITERS[media_type](result), media_type


def _error_response(error: RequestError) -> Response:
    # Imported here because only serving needs it; predicting in a job does not.
    from werkzeug.wrappers import Response  # noqa: PLC0415

    return Response(json.dumps(error.body()), status=error.status, mimetype=JSON)


# Clients send the same few headers again and again.
@lru_cache(maxsize=64)
def _choose(accept: str | None, requested: str) -> str:
    """Return the supported media type that an Accept header prefers."""
    wildcards = {"*/*": requested, "application/*": requested if requested != CSV else JSON, "text/*": CSV}
    best, best_quality = None, 0.0
    for choice in (accept or JSON).lower().split(","):
        name, *parameters = [part.strip() for part in choice.split(";")]
        media_type = wildcards.get(name, name)
        quality = _quality(parameters)
        if media_type in MEDIA_TYPES and quality > best_quality:
            best, best_quality = media_type, quality
    if best is None:
        raise unsupported(
            f"The accepted type {shorten(accept or '')} is not supported. Accept {', '.join(MEDIA_TYPES)}."
        )
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _answers(result: Predictions) -> list[str]:
    """Return each company's prediction as JSON text; json.dumps would take three times as long."""
    contract = result.contract
    answers = []
    for p in result.probabilities:
        level = contract.levels_as_json[contract.risk_level(p)]
        answers.append(
            f'{{"prediction": {int(p >= contract.threshold)}, '
            f'"probability": {{"not_bankrupt": {1 - p!r}, "bankrupt": {p!r}}}, '
            f'"risk_level": {level}, "confidence": {max(p, 1 - p)!r}}}'
        )
    for position, explanation in enumerate(result.explanations or ()):
        answers[position] = f"{answers[position][:-1]}, {_explanation_as_json(explanation)[1:]}"
    return answers


def _explanation_as_json(explanation: Explanation) -> str:
    return json.dumps(
        {
            "explanation": [
                {**asdict(effect), "direction": effect.direction} for effect in explanation.effects
            ],
            "explained_score": {
                "log_odds": explanation.score,
                "median_log_odds": explanation.median_score,
                "other_effects": explanation.other_effects,
            },
        }
    )


def _write_json(result: Predictions) -> str:
    answers = _answers(result)
    document = answers[0] if result.request.single else f'{{"predictions": [{", ".join(answers)}]}}'
    model = _model_as_json(result.version, result.contract.hash)
    return f'{document[:-1]}, "model": {model}}}'


@lru_cache(maxsize=1)
def _model_as_json(version: str | None, contract: str) -> str:
    return json.dumps({"version": version, "contract": contract})


def _write_lines(result: Predictions) -> str:
    return "".join(f"{answer}\n" for answer in _answers(result))


def _write_csv(result: Predictions) -> str:
    """Return lines with prediction, P(not bankrupt), P(bankrupt), risk level and confidence."""
    contract = result.contract
    return "".join(
        f"{int(p >= contract.threshold)},{1 - p!r},{p!r},{contract.risk_level(p)},{max(p, 1 - p)!r}\n"
        for p in result.probabilities
    )


_WRITERS: dict[str, Callable[[Predictions], str]] = {JSON: _write_json, LINES: _write_lines, CSV: _write_csv}
