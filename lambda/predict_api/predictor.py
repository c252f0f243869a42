"""Answers a request: validates it and calls the endpoint, under another contract if that has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from predict_api.contract import Contract, ContractStore
from predict_api.endpoint import RETRY_WITHIN, Answer, CompaniesRefusedError, ContractRefusedError, Endpoint
from predict_api.errors import ApiError, Problem, being_replaced, deploying, validation_failed
from predict_api.request.body import Body
from predict_api.request.validation import Companies, validate


@dataclass(frozen=True)
class Prediction:
    """The response body, with facts for the logs and the metrics.

    Attributes
    ----------
    body
        The response.
    companies
        The companies of the request.
    predictions
        Their predictions, in the same order.
    version, contract
        The model that made them.
    endpoint_ms
        How long the endpoint took.
    """

    body: dict[str, Any]
    companies: Companies
    predictions: list[dict[str, Any]]
    version: str | None
    contract: str
    endpoint_ms: float


class Predictor:
    """Answers requests to /predict.

    Parameters
    ----------
    contracts
        Reads the champion's contract.
    endpoint
        Calls the champion.
    clock
        A monotonic clock, in seconds.
    now
        Returns the current time, for the timestamp.
    """

    def __init__(
        self,
        contracts: ContractStore,
        endpoint: Endpoint,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._contracts = contracts
        self._endpoint = endpoint
        self._clock = clock
        self._now = now

    def predict(self, body: Body, request_id: str, *, explain: bool = False) -> Prediction:
        """Answer one request.

        Parameters
        ----------
        body
            The request's JSON, from `read_json`.
        request_id
            Forwarded to the endpoint.
        explain
            Whether explanations are requested.

        Raises
        ------
        ApiError
            If the request is invalid or the endpoint does not answer it.
        """
        deadline = self._clock() + RETRY_WITHIN
        for number, contract in enumerate(self._contracts.in_order()):
            try:
                return self._attempt(contract, body, request_id, explain=explain)
            except ContractRefusedError:
                if self._clock() > deadline:
                    break
            except ApiError as error:
                # Only the first contract, a stored copy, can be older than the client's.
                if error.code != "contract_mismatch" or number > 0:
                    raise
        raise deploying()

    def _attempt(self, contract: Contract, body: Body, request_id: str, *, explain: bool) -> Prediction:
        """Answer a request under one contract."""
        companies = self._validate(body, contract, explain=explain)
        called = self._clock()
        answer = self._call(contract, companies, request_id)
        endpoint_ms = (self._clock() - called) * 1000
        predictions = [
            {"prediction_id": f"{request_id}-{position}", **({} if id_ is None else {"id": id_}), **each}
            for position, (id_, each) in enumerate(zip(companies.ids, answer.predictions, strict=True))
        ]
        response = {
            **(predictions[0] if companies.single else {"predictions": predictions}),
            "timestamp": timestamp(self._now()),
            "model": {"version": answer.version, "contract": contract.hash},
            "warnings": companies.warnings,
        }
        return Prediction(response, companies, predictions, answer.version, contract.hash, endpoint_ms)

    def _validate(self, body: Body, contract: Contract, *, explain: bool) -> Companies:
        """Check a request. Under the next contract, which clients can't know yet, only names are safe."""
        if not contract.is_next:
            return validate(body, contract, explain=explain)
        try:
            companies = validate(body, contract, explain=explain)
        except ApiError as error:
            # GET /model still returns the contract that the request names, so the client can only wait.
            if error.code == "contract_mismatch":
                raise ContractRefusedError from error
            # It is valid under the champion's contract, or it would not have come here.
            raise being_replaced() from error
        if companies.by_position:
            raise ContractRefusedError
        return companies

    def _call(self, contract: Contract, companies: Companies, request_id: str) -> Answer:
        try:
            return self._endpoint.predict(
                contract.hash, companies.rows, companies.count, request_id, explain=companies.explain
            )
        except CompaniesRefusedError as error:
            problems = [
                Problem((*companies.locate(p.loc[0]), *p.loc[1:]) if p.loc else (), p.message)
                for p in error.problems
            ]
            raise validation_failed(problems, len(problems)) from error


def timestamp(moment: datetime) -> str:
    """Return a time as RFC 3339 text in UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
