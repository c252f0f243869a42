"""The API checks pass on a correct API and fail on one with a single wrong answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from scripts.operate.api_checks import Api, Check, Companies, check_api

KEY = "secret"
NOBODY: Companies = {}
MODEL = {"contract": "c", "version": "3", "features": [{"name": "a", "min": 0, "max": 2}]}
GOOD = {
    "prediction": 0,
    "probability": {"not_bankrupt": 0.9, "bankrupt": 0.1},
    "risk_level": "low",
    "model": {"version": "3"},
}
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "OPTIONS,POST",
    "Access-Control-Allow-Headers": "Content-Type,X-Api-Key",
}
Answer = tuple[int, dict[str, str], Any]


def error(status: int, code: str, **headers: str) -> Answer:
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        {"error": {"code": code, "message": "What to do.", "details": [], "request_id": "r"}},
    )


class FakeApi(ThreadingHTTPServer):
    """A correct API, unless a test changes an answer; answers are chosen by the kind of request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/prod"
        self.requests: list[str] = []
        self.answers: dict[str, Answer] = {
            "GET /health": (200, {}, {"status": "ok"}),
            "GET /model": (200, {}, MODEL),
            "company": (200, {}, GOOD),
            "named": (200, {}, GOOD),
            "malformed": error(400, "invalid_json"),
            "wrong count": error(422, "validation_failed"),
            "GET /no-such-path": error(404, "not_found"),
            "OPTIONS /predict": (204, CORS, None),
            "no key": error(403, "forbidden"),
        }

    def kind(self, method: str, path: str, key: str | None, body: bytes) -> str:
        request = f"{method} {path.removeprefix('/prod')}"
        if request != "POST /predict":
            return request
        if key != KEY:
            return "no key"
        try:
            document = json.loads(body)
        except ValueError:
            return "malformed"
        if "features" in document:
            return "named"
        return "company" if len(document["data"]) == 1 else "wrong count"


class Handler(BaseHTTPRequestHandler):
    server: FakeApi

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.server.kind(self.command, self.path, self.headers.get("x-api-key"), body)
        self.server.requests.append(kind)
        status, headers, document = self.server.answers[kind]
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    with FakeApi() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def check(fake: FakeApi, companies: Companies = NOBODY, **state: Any) -> list[Check]:
    with urllib3.PoolManager(timeout=5) as pool:
        return check_api(Api(fake.url, KEY, **state), companies, pool=pool)


def failed(checks: list[Check]) -> dict[str, str]:
    return {each.name: each.remark for each in checks if not each.passed}


def test_a_correct_api_passes(fake: FakeApi) -> None:
    checks = check(fake, {"bankrupt": {"a": 1.0, "unused": 2.0}, "of other columns": {"b": 1.0}})
    assert failed(checks) == {}
    assert fake.requests == list(fake.answers)
    remarks = {each.name: each.remark for each in checks}
    assert remarks["model"] == "version 3, 1 features"
    assert remarks["values in mid-range"] == "bankrupt 10.0%, risk low, version 3"
    assert all(0 < each.latency_ms < 5000 for each in checks)


@pytest.mark.parametrize(
    ("kind", "answer", "check_name", "remark"),
    [
        ("GET /health", (200, {}, {"status": "ill"}), "health", "status is 'ill'"),
        ("company", error(502, "model_error"), "values in mid-range", "model_error: What to do."),
        (
            "company",
            (200, {}, {**GOOD, "probability": {"not_bankrupt": 0.9, "bankrupt": 0.2}}),
            "values in mid-range",
            "probabilities are",
        ),
        ("company", (200, {}, {"probability": {}}), "values in mid-range", "unexpected form"),
        ("malformed", error(400, "bad_request"), "malformed JSON", "code is 'bad_request'"),
        ("malformed", (400, {}, None), "malformed JSON", "unexpected form"),
        ("wrong count", (200, {}, GOOD), "wrong count", "{"),
        ("GET /no-such-path", error(403, "forbidden"), "unknown path", "forbidden"),
        ("OPTIONS /predict", (204, {}, None), "CORS preflight", "no Access-Control-Allow-Origin"),
        (
            "OPTIONS /predict",
            (204, {**CORS, "Access-Control-Allow-Headers": "Content-Type"}, None),
            "CORS preflight",
            "lacks x-api-key",
        ),
        ("no key", (200, {}, GOOD), "no key", "{"),
    ],
)
def test_one_wrong_answer_fails_one_check(
    fake: FakeApi, kind: str, answer: Answer, check_name: str, remark: str
) -> None:
    fake.answers[kind] = answer
    found = failed(check(fake))
    # Without companies, two checks send values.
    assert set(found) - {"values at the upper edge"} == {check_name}
    assert remark in found[check_name]


def test_a_paused_api_must_answer_503_with_retry_after(fake: FakeApi) -> None:
    fake.answers["company"] = error(503, "endpoint_unavailable", Retry_After="30")
    checks = check(fake, paused=True)
    assert failed(checks) == {}
    assert "endpoint_unavailable, Retry-After 30 s" in [each.remark for each in checks]
    # AND requests are not retried
    assert fake.requests.count("company") == 1
    fake.answers["company"] = error(503, "endpoint_unavailable")
    assert failed(check(fake, paused=True)) == {"company, while paused": "Retry-After is None"}
    fake.answers["company"] = (200, {}, GOOD)
    assert list(failed(check(fake, paused=True))) == ["company, while paused"]


def test_before_the_first_deployment_no_model_is_expected(fake: FakeApi) -> None:
    fake.answers["GET /model"] = fake.answers["company"] = error(503, "no_model", Retry_After="60")
    checks = check(fake, has_contract=False)
    assert failed(checks) == {}
    names = [each.name for each in checks]
    assert names[1:3] == ["model, none deployed yet", "company, no model yet"]
    assert "wrong count" not in names


def test_an_open_api_is_not_checked_without_a_key(fake: FakeApi) -> None:
    assert "no key" not in [each.name for each in check(fake, needs_key=False)]


def test_an_unreachable_api_fails_every_check() -> None:
    checks = check_api(Api("http://127.0.0.1:9/prod", KEY))
    assert not any(each.passed for each in checks)
    assert {each.status for each in checks} == {None}
    assert checks[0].remark.startswith("no answer: ")
