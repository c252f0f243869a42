"""Ask the REST API about any number of companies: chunks, several requests at once, answers in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from scripts.predict.client import ApiError

CHUNK_ROWS = 1000  # the API's limit for one request
EXPLAINED_ROWS = 100  # ... with explanations
REQUESTS_AT_ONCE = 4
MOST_ATTEMPTS = 5
MOST_CONTRACTS = 3
LONGEST_WAIT = 60.0  # seconds between two attempts

_TRY_AGAIN = (0, 429, 500, 502, 503, 504)
_NOT_SERVED = ("endpoint_unavailable", "no_model")
_FINAL_CODES = ("quota_exceeded",)  # a 429 that lasts until next month
# What lies at the request itself: other companies may fare better. Everything else concerns them all.
_OF_THESE_COMPANIES = (400, 413, 422, 500, 502, 504)


class Client(Protocol):
    """The part of ApiClient that is needed here."""

    def get(self, path: str) -> dict[str, Any]:
        """GET a path below the stage."""
        ...

    def predict(self, body: Any, *, explain: bool) -> dict[str, Any]:
        """POST a body to /predict."""
        ...


class Companies(Protocol):
    """Where companies come from; see `scripts.companies.company_file`."""

    def check(self, contract: str, names: tuple[str, ...]) -> None:
        """Raise an error if they can't be asked about by this contract."""
        ...

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Return each company's place and what stands there."""
        ...

    def instance(self, found: Any, names: tuple[str, ...]) -> Any:
        """Return a company as the API takes it.

        Raises
        ------
        ValueError
            When that is no company; the message says why.
        """
        ...


@dataclass(frozen=True)
class Result:
    """What came of one company: its prediction, or an error.

    Attributes
    ----------
    place
        The line of a CSV file, the position in a JSON list.
    prediction
        As the API answers for one company.
    version
        The model that answered.
    """

    place: int
    prediction: dict[str, Any] | None = None
    version: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Contract:
    hash: str
    names: tuple[str, ...]


class Predictions:
    """The answers about companies, in their order; never more than a few chunks are in memory.

    A model that is deployed meanwhile is followed: its contract is read and the companies are asked about
    again. Requests are repeated where the API says that this helps.

    Parameters
    ----------
    client
        The API.
    companies
        Whom to ask about.
    explain
        Whether each prediction shall say what moves it most.
    on_wait
        Told the seconds and the reason before each wait.
    check_endpoint
        Called when the API has no model to ask; raises an error where waiting would not help.
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
        """Ask, and return what came of each company.

        Raises
        ------
        ApiError
            When the API refuses or can't be had for a reason that concerns all companies.
        """
        pool = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="predict")
        under_way: deque[Future[list[Result]]] = deque()
        found = iter(self._companies)
        try:
            while chunk := list(islice(found, EXPLAINED_ROWS if self._explain else CHUNK_ROWS)):
                under_way.append(pool.submit(self._ask_about, chunk))
                if len(under_way) > REQUESTS_AT_ONCE:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)

    def _ask_about(self, chunk: list[tuple[int, Any]]) -> list[Result]:
        results: dict[int, Result] = {}
        pending = chunk
        contracts = 0
        while pending:
            contract = self._contract
            asked, instances = self._instances(pending, contract, results)
            if not asked:
                break
            try:
                answer = self._request({"contract": contract.hash, "instances": instances})
            except ApiError as error:
                if error.status == 409 and contracts < MOST_CONTRACTS:
                    contracts += 1
                    self._renew(contract)
                    pending = asked
                    continue
                if error.status not in _OF_THESE_COMPANIES:
                    raise
                pending = _refused(error, asked, results)
                continue
            version = answer["model"]["version"]
            for (place, _), prediction in zip(asked, answer["predictions"], strict=True):
                results[place] = Result(place, prediction, version)
            break
        return [results[place] for place, _ in chunk]

    def _instances(
        self, pending: list[tuple[int, Any]], contract: _Contract, results: dict[int, Result]
    ) -> tuple[list[tuple[int, Any]], list[Any]]:
        asked, instances = [], []
        for place, found in pending:
            try:
                instances.append(self._companies.instance(found, contract.names))
            except ValueError as error:
                results[place] = Result(place, error=str(error))
            else:
                asked.append((place, found))
        return asked, instances

    def _request(self, body: Any) -> dict[str, Any]:
        attempt = 1
        while True:
            try:
                return self._client.predict(body, explain=self._explain)
            except ApiError as error:
                is_final = error.status not in _TRY_AGAIN or error.code in _FINAL_CODES
                if is_final or attempt == MOST_ATTEMPTS or self._stopped.is_set():
                    raise
                self._look_at_endpoint(error)
                seconds = min(error.retry_after or 2.0 ** (attempt - 1), LONGEST_WAIT)
                self._on_wait(seconds, str(error))
            self._stopped.wait(seconds)
            attempt += 1

    def _renew(self, refused: _Contract) -> None:
        with self._lock:
            # Another request may have done so already.
            if self._contract is refused:
                self._contract = self._read_contract()

    def _look_at_endpoint(self, error: ApiError) -> None:
        if error.code in _NOT_SERVED:
            # One at a time: requests that wait side by side would otherwise all ask.
            with self._endpoint_lock:
                self._check_endpoint()

    def _read_contract(self) -> _Contract:
        try:
            model = self._client.get("/model")
        except ApiError as error:
            self._look_at_endpoint(error)
            raise
        contract = _Contract(model["contract"], tuple(feature["name"] for feature in model["features"]))
        self._companies.check(contract.hash, contract.names)
        return contract


def _refused(
    error: ApiError, asked: list[tuple[int, Any]], results: dict[int, Result]
) -> list[tuple[int, Any]]:
    """Note which companies were refused, all where the API does not say which; return the others."""
    refused: dict[int, str] = {}
    for detail in error.details:
        match detail.get("loc"):
            case ["instances", int(position), *rest] if 0 <= position < len(asked):
                where = "".join(f"{part}: " for part in rest if isinstance(part, str))
                refused.setdefault(position, f"{where}{detail.get('message', '')}")
    if not refused:
        refused = dict.fromkeys(range(len(asked)), str(error))
    for position, reason in refused.items():
        place = asked[position][0]
        results[place] = Result(place, error=reason)
    return [company for position, company in enumerate(asked) if position not in refused]
