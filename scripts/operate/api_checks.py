"""Checks the REST API as a client sees it: sends valid and invalid requests, and judges the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import urllib3

from scripts.aws.session import Aws
from scripts.aws.stacks import Stack
from scripts.deploy.endpoint import is_paused
from scripts.deploy.outputs import read_outputs
from scripts.model.contracts import read_champion
from scripts.predict.client import client_at, read_key

Companies = Mapping[str, Mapping[str, float]]
# For an API that allows every origin.
ORIGIN = "https://client.example"
# Of probabilities, as in deploy_model.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Api:
    """An API, and the state that it is expected to be in.

    Parameters
    ----------
    url
        Address of the stage.
    key
        An API key.
    needs_key
        Whether the API must reject a request without a key.
    paused
        Whether the API must answer that no endpoint is available.
    has_contract
        Whether there is a champion; its contract stays published while the service is paused.
    origin
        A web origin whose pages may call the API; None if that is unknown.
    known_answer
        A company by position, and the probability that the champion must give it, as in the contract; None
        if that can't be read.
    """

    url: str
    key: str | None
    needs_key: bool = True
    paused: bool = False
    has_contract: bool = True
    origin: str | None = ORIGIN
    known_answer: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Check:
    """The outcome of one request.

    Parameters
    ----------
    remark
        A summary of the answer, or what is wrong with it.
    """

    name: str
    expected: str
    status: int | None
    latency_ms: float
    passed: bool
    remark: str


# Returns a summary of a correct answer; raises _WrongError otherwise.
_Judge = Callable[[urllib3.BaseHTTPResponse], str]


class _WrongError(Exception):
    """The answer is wrong."""


def describe_api(aws: Aws) -> Api:
    """Return the deployed API, and the state that it should be in.

    Raises
    ------
    DeploymentError
        If the service is not deployed.
    """
    outputs = read_outputs(aws)
    champion = read_champion(aws)
    origins = Stack(aws, aws.project.service_stack).parameters().get("CorsOrigins", "*")
    return Api(
        url=outputs.api_url,
        key=read_key(aws, outputs),
        needs_key=outputs.needs_api_key,
        paused=is_paused(aws, outputs),
        has_contract=champion is not None,
        origin=ORIGIN if origins == "*" else origins.partition(",")[0],
        known_answer=None if champion is None else champion["smoke_test"],
    )


def api_of_client(url: str, key: str | None) -> Api:
    """Return an API with a known address and key; it must have a model in service."""
    client = client_at(url, key)
    return Api(client.url, client.key, needs_key=key is not None, origin=None)


def check_api(
    api: Api,
    companies: Companies = MappingProxyType({}),
    *,
    pool: urllib3.PoolManager | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Check]:
    """Send the requests, and return their outcomes in the same order.

    Parameters
    ----------
    companies
        Companies to predict: a name for each, and its ratios by name. Without any, the largest values
        that the model was trained on are sent.
    """
    checker = _Checker(api, pool or urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=35)), clock)
    checker.check("health", "200", "GET /health", _healthy, key=False)
    if api.has_contract:
        answer = checker.check("model", "200", "GET /model", _describes_model)
        features = [] if answer is None else answer.json()["features"]
    else:
        checker.check("model, none deployed yet", "503", "GET /model", _has_retry_after)
        features = []
    _check_companies(checker, features, companies)
    checker.check("malformed JSON", "400", "POST /predict", _error("invalid_json"), body=b'{"data": [1,')
    if features:
        one_too_few = _body([0.0] * (len(features) - 1))
        checker.check("wrong count", "422", "POST /predict", _error("validation_failed"), body=one_too_few)
    checker.check("unknown path", "404", "GET /no-such-path", _error("not_found"))
    if api.origin is not None:
        preflight = {
            "Origin": api.origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-api-key",
        }
        checker.check(
            "CORS preflight", "200 or 204", "OPTIONS /predict", _allows_post, headers=preflight, key=False
        )
    if api.needs_key:
        checker.check("no key", "403", "POST /predict", _error("forbidden"), body=_body([0.0]), key=False)
    return checker.checks


def _check_companies(checker: _Checker, features: list[dict[str, Any]], companies: Companies) -> None:
    """Send values in the range of the training data by position, and companies by name."""
    middle = [(feature["min"] + feature["max"]) / 2 for feature in features] or [0.0]
    if checker.api.paused or not checker.api.has_contract:
        name = "company, while paused" if checker.api.paused else "company, no model yet"
        checker.check(name, "503", "POST /predict", _has_retry_after, body=_body(middle))
        return
    if checker.api.known_answer is not None:
        known_body = _body(checker.api.known_answer["features"])
        judge = _gives(checker.api.known_answer["probability"])
        checker.check("known answer", "200", "POST /predict", judge, body=known_body)
    checker.check("values in mid-range", "200", "POST /predict", _predicts, body=_body(middle))
    names = [feature["name"] for feature in features]
    known = {name: ratios for name, ratios in companies.items() if all(each in ratios for each in names)}
    for name, ratios in known.items():
        body = json.dumps({"features": {each: ratios[each] for each in names}}).encode()
        checker.check(name, "200", "POST /predict", _predicts, body=body)
    if not known:
        edge = _body([feature["max"] for feature in features] or [0.0])
        checker.check("values at the upper edge", "200", "POST /predict", _predicts, body=edge)


class _Checker:
    """Sends requests and collects their outcomes."""

    def __init__(self, api: Api, pool: urllib3.PoolManager, clock: Callable[[], float]) -> None:
        self.api = api
        self.checks: list[Check] = []
        self._pool = pool
        self._clock = clock

    def check(
        self,
        name: str,
        expected: str,
        request: str,
        judge: _Judge,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        key: bool = True,
    ) -> urllib3.BaseHTTPResponse | None:
        """Send one request, judge the answer, and return the answer if it passed."""
        method, path = request.split()
        sent = {**({"Content-Type": "application/json"} if body is not None else {}), **headers}
        if key and self.api.key:
            sent["x-api-key"] = self.api.key
        answer, passed, began = None, False, self._clock()
        try:
            # No retries: the check is about the first answer.
            answer = self._pool.request(
                method, self.api.url + path, body=body, headers=sent, retries=False, redirect=False
            )
            passed = str(answer.status) in expected.split(" or ")
            remark = judge(answer) if passed else _message(answer)
        except urllib3.exceptions.HTTPError as error:
            remark = f"no answer: {error}"
        except _WrongError as error:
            passed, remark = False, str(error)
        except (KeyError, TypeError, ValueError) as error:
            passed, remark = False, f"unexpected form: {error!r}"
        latency = round((self._clock() - began) * 1000, 1)
        status = None if answer is None else answer.status
        self.checks.append(Check(name, expected, status, latency, passed, remark))
        return answer if passed else None


def _body(row: list[float]) -> bytes:
    return json.dumps({"data": row}).encode()


def _healthy(answer: urllib3.BaseHTTPResponse) -> str:
    status = answer.json()["status"]
    if status != "ok":
        raise _WrongError(f"status is {status!r}")
    return f"status {status}"


def _describes_model(answer: urllib3.BaseHTTPResponse) -> str:
    document = answer.json()
    if not all({"name", "min", "max"} <= set(feature) for feature in document["features"]):
        raise _WrongError("a feature lacks name, min or max")
    return f"version {document['version']}, {len(document['features'])} features"


def _predicts(answer: urllib3.BaseHTTPResponse) -> str:
    document = answer.json()
    bankrupt = document["probability"]["bankrupt"]
    total = bankrupt + document["probability"]["not_bankrupt"]
    if not 0 <= bankrupt <= 1 or abs(total - 1) > 1e-6:
        raise _WrongError(f"probabilities are {document['probability']}")
    if document["prediction"] not in (0, 1):
        raise _WrongError(f"prediction is {document['prediction']!r}")
    return f"bankrupt {bankrupt:.1%}, risk {document['risk_level']}, version {document['model']['version']}"


def _gives(probability: float) -> _Judge:
    def judge(answer: urllib3.BaseHTTPResponse) -> str:
        found = answer.json()["probability"]["bankrupt"]
        if abs(found - probability) > TOLERANCE:
            raise _WrongError(f"bankrupt {found}; the evaluated model gave {probability}")
        return _predicts(answer)

    return judge


def _error(code: str) -> _Judge:
    def judge(answer: urllib3.BaseHTTPResponse) -> str:
        found = answer.json()["error"]
        if found["code"] != code:
            raise _WrongError(f"code is {found['code']!r}, not {code!r}")
        if not found["message"]:
            raise _WrongError("the error has no message")
        return str(found["code"])

    return judge


def _has_retry_after(answer: urllib3.BaseHTTPResponse) -> str:
    seconds = answer.headers.get("Retry-After")
    if seconds is None or not seconds.isdigit():
        raise _WrongError(f"Retry-After is {seconds!r}")
    return f"{answer.json()['error']['code']}, Retry-After {seconds} s"


def _allows_post(answer: urllib3.BaseHTTPResponse) -> str:
    origin = answer.headers.get("Access-Control-Allow-Origin")
    if not origin:
        raise _WrongError("no Access-Control-Allow-Origin")
    methods = answer.headers.get("Access-Control-Allow-Methods", "")
    if "POST" not in methods.upper():
        raise _WrongError(f"Access-Control-Allow-Methods is {methods!r}")
    headers = answer.headers.get("Access-Control-Allow-Headers", "").lower()
    missing = [name for name in ("content-type", "x-api-key") if name not in headers]
    if missing:
        raise _WrongError(f"Access-Control-Allow-Headers lacks {', '.join(missing)}")
    return f"origin {origin}"


def _message(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        error = answer.json()["error"]
        return f"{error['code']}: {error['message']}"
    except (KeyError, TypeError, ValueError):
        return answer.data.decode("utf-8", "replace")[:100] or "an empty answer"
