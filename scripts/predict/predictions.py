"""Predicts any number of companies through the REST API: in chunks, concurrently, in order."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from scripts.companies.company import Company
from scripts.companies.company_file import Companies
from scripts.predict.client import ApiError

CHUNK_ROWS = 1000  # the API's limit per request
EXPLAINED_ROWS = 100  # the API's limit with explanations
CONCURRENT_REQUESTS = 4
MOST_ATTEMPTS = 5
MOST_CONTRACTS = 3
LONGEST_WAIT = 60.0  # seconds between two attempts

_RETRIED = (0, 429, 500, 502, 503, 504)
_NO_ENDPOINT = ("endpoint_unavailable", "no_model")
_FINAL_CODES = ("quota_exceeded",)  # a 429 that lasts until the next month
# Errors specific to this request; other chunks may still succeed.
_REQUEST_ERRORS = (400, 413, 422, 500, 502, 504)


@dataclass(frozen=True)
class Result:
    """The prediction of one company, or an error.

    Attributes
    ----------
    number
        The first line in a file, or the position in a JSON list.
    prediction
        The API's answer for this company.
    version
        The version that answered.
    error
        The reason for a missing prediction.
    ids
        The values that identify the company.
    warnings
        The API's warnings about values of this company.
    """

    number: int
    prediction: dict[str, Any] | None = None
    version: str | None = None
    error: str | None = None
    ids: tuple[Any, ...] = ()
    warnings: tuple[str, ...] = ()


class Client(Protocol):
    """The REST API, or a model on this machine that answers as the API does."""

    def get(self, path: str, /) -> dict[str, Any]:
        """Return the answer to GET /model."""
        ...

    def predict(self, body: Any, *, explain: bool = False) -> dict[str, Any]:
        """Return the answer to POST /predict, or raise an ApiError."""
        ...


@dataclass(frozen=True)
class _Contract:
    hash: str
    names: tuple[str, ...]


class Predictions:
    """The results of companies, in order; only a few chunks are in memory at a time.

    If another version is deployed in between, its contract is read and the request is sent again. Requests
    are retried on errors that the API documents as temporary.

    Parameters
    ----------
    client
        The API, or a model.
    companies
        The companies to predict.
    explain
        Whether each prediction explains which features move it most.
    on_wait
        Called with the seconds and the reason before each wait.
    check_endpoint
        Called if the API has no endpoint; raises an error if waiting would not help.
    """

    def __init__(
        self,
        client: Client,
        companies: Companies,
        *,
        explain: bool = False,
        on_wait: Callable[[float, str], None] = lambda _seconds, _reason: None,
        check_endpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._companies = companies
        self._explain = explain
        self._on_wait = on_wait
        self._check_endpoint = check_endpoint
        self._lock = threading.Lock()
        self._endpoint_lock = threading.Lock()
        self._stopped = threading.Event()
        self._contract = self._read_contract()

    def __iter__(self) -> Iterator[Result]:
        """Send the requests, and yield the result of each company.

        Raises
        ------
        ApiError
            If the API fails for a reason that concerns all companies.
        """
        pool = ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="predict")
        pending: deque[Future[list[Result]]] = deque()
        companies = iter(self._companies)
        try:
            while chunk := list(islice(companies, EXPLAINED_ROWS if self._explain else CHUNK_ROWS)):
                pending.append(pool.submit(self._predict, chunk))
                if len(pending) > CONCURRENT_REQUESTS:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)

    def _predict(self, chunk: list[Company]) -> list[Result]:
        results: dict[int, Result] = {}
        pending = chunk
        contracts = 0
        while pending:
            contract = self._contract
            sent, instances = self._instances(pending, contract, results)
            if not sent:
                break
            try:
                answer = self._request({"contract": contract.hash, "instances": instances})
            except ApiError as error:
                if error.status == 409 and contracts < MOST_CONTRACTS:
                    contracts += 1
                    self._renew(contract)
                    pending = sent
                    continue
                if error.status not in _REQUEST_ERRORS:
                    raise
                pending = _without_rejected(error, sent, results)
                continue
            version = answer["model"]["version"]
            warnings = _warnings(answer)
            for position, company in enumerate(sent):
                results[company.number] = Result(
                    company.number,
                    answer["predictions"][position],
                    version,
                    ids=company.ids,
                    warnings=tuple(warnings.get(position, ())),
                )
            break
        return [results[company.number] for company in chunk]

    def _instances(
        self, pending: list[Company], contract: _Contract, results: dict[int, Result]
    ) -> tuple[list[Company], list[Any]]:
        """Return the valid companies, and what to send for them; note the errors of the others."""
        valid, instances = [], []
        for company in pending:
            try:
                if isinstance(company.content, ValueError):
                    raise company.content
                instances.append(self._companies.instance(company.content, contract.names))
            except ValueError as error:
                results[company.number] = Result(company.number, error=str(error), ids=company.ids)
            else:
                valid.append(company)
        return valid, instances

    def _request(self, body: Any) -> dict[str, Any]:
        attempt = 1
        while True:
            try:
                return self._client.predict(body, explain=self._explain)
            except ApiError as error:
                is_final = error.status not in _RETRIED or error.code in _FINAL_CODES
                if is_final or attempt == MOST_ATTEMPTS or self._stopped.is_set():
                    raise
                self._raise_if_hopeless(error)
                seconds = min(error.retry_after or 2.0 ** (attempt - 1), LONGEST_WAIT)
                self._on_wait(seconds, str(error))
            self._stopped.wait(seconds)
            attempt += 1

    def _renew(self, rejected: _Contract) -> None:
        """Read the contract again, unless another request has already done so."""
        with self._lock:
            if self._contract is rejected:
                self._contract = self._read_contract()

    def _raise_if_hopeless(self, error: ApiError) -> None:
        """Raise an error if the endpoint is missing and won't return unless the user acts."""
        if error.code in _NO_ENDPOINT:
            # Only one of the concurrent requests needs to ask at a time.
            with self._endpoint_lock:
                self._check_endpoint()

    def _read_contract(self) -> _Contract:
        try:
            model = self._client.get("/model")
        except ApiError as error:
            self._raise_if_hopeless(error)
            raise
        contract = _Contract(model["contract"], tuple(feature["name"] for feature in model["features"]))
        self._companies.check(contract.hash, contract.names)
        return contract


def _warnings(answer: dict[str, Any]) -> dict[int, list[str]]:
    """Return the warnings of an answer by the position of the company."""
    warnings: dict[int, list[str]] = {}
    for warning in answer["warnings"]:
        warnings.setdefault(warning["loc"][1], []).append(f"{warning['feature']}: {warning['message']}")
    return warnings


def _without_rejected(error: ApiError, sent: list[Company], results: dict[int, Result]) -> list[Company]:
    """Note the errors of the rejected companies and return the others; if none is named, all are rejected."""
    rejected: dict[int, str] = {}
    for detail in error.details:
        match detail.get("loc"):
            case ["instances", int(position), *rest] if 0 <= position < len(sent):
                names = "".join(f"{part}: " for part in rest if isinstance(part, str))
                rejected.setdefault(position, f"{names}{detail.get('message', '')}")
    if not rejected:
        rejected = dict.fromkeys(range(len(sent)), str(error))
    for position, reason in rejected.items():
        company = sent[position]
        results[company.number] = Result(company.number, error=reason, ids=company.ids)
    return [company for position, company in enumerate(sent) if position not in rejected]
