"""From a request's body to the answer: validate, ask the endpoint, follow the contract when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from predict_api.contract import Contract, ContractStore
from predict_api.endpoint import RETRY_WITHIN, Answer, CompaniesRefusedError, ContractRefusedError, Endpoint
from predict_api.errors import ApiError, Problem, deploying, validation_failed
from predict_api.validation import Body, Companies, validate


@dataclass(frozen=True)
class Prediction:
    """The answer to a client, and the facts about it that go into log and metrics."""

    body: dict[str, Any]
    rows: int
    explained: bool
    version: str | None
    contract: str
    endpoint_ms: float


class Predictor:
    """Answers requests to /predict.

    Parameters
    ----------
    contracts
        The published contract.
    endpoint
        The model.
    clock
        Seconds that never go back.
    now
        The time of day, for the answer's timestamp.
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
            Passed on to the endpoint.
        explain
            Whether the client wants explanations.

        Raises
        ------
        ApiError
            Whatever stands in the way.
        """
        started = self._clock()
        contract = self._contracts.get()
        try:
            companies = validate(body, contract, explain=explain)
        except ApiError as error:
            if error.code != "contract_mismatch":
                raise
            # The client may know the newest contract before this copy of it does.
            contract = self._contracts.get(fresh=True)
            companies = validate(body, contract, explain=explain)
        asked = self._clock()
        try:
            answer = self._ask(contract, companies, request_id)
        except ContractRefusedError as error:
            if self._clock() - started > RETRY_WITHIN:
                raise deploying() from error
            contract = self._contracts.get(fresh=True)
            companies = validate(body, contract, explain=explain)
            asked = self._clock()
            answer = self._once_more(contract, companies, request_id)
        return Prediction(
            body=self._body(companies, answer, contract),
            rows=companies.count,
            explained=explain,
            version=answer.version,
            contract=contract.hash,
            endpoint_ms=(self._clock() - asked) * 1000,
        )

    def _once_more(self, contract: Contract, companies: Companies, request_id: str) -> Answer:
        try:
            return self._ask(contract, companies, request_id)
        except ContractRefusedError as error:
            raise deploying() from error

    def _ask(self, contract: Contract, companies: Companies, request_id: str) -> Answer:
        try:
            return self._endpoint.predict(
                contract.hash, companies.rows, companies.count, request_id, explain=companies.explain
            )
        except CompaniesRefusedError as error:
            problems = [
                Problem((*companies.place(p.loc[0]), *p.loc[1:]) if p.loc else (), p.message)
                for p in error.problems
            ]
            raise validation_failed(problems, len(problems)) from error

    def _body(self, companies: Companies, answer: Answer, contract: Contract) -> dict[str, Any]:
        predictions: dict[str, Any] = (
            answer.predictions[0] if companies.single else {"predictions": answer.predictions}
        )
        return {
            **predictions,
            "timestamp": timestamp(self._now()),
            "model": {"version": answer.version, "contract": contract.hash},
            "warnings": companies.warnings,
        }


def timestamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 text in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
