"""watch_api asks the API for the champion's known answer, as a client would."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import urllib3
from watch_api.handler import api_url
from watch_api.watch import ATTEMPTS, WAIT_SECONDS, Watch

from scripts.aws.session import Aws

CONTRACT = {"version": "3", "smoke_test": {"features": [0.1, 0.2], "probability": 0.25}}
ASKED = {"data": [0.1, 0.2], "id": "watch-api"}


def predicted(probability: float, version: str = "3") -> tuple[int, Any]:
    return 200, {"model": {"version": version}, "probability": {"bankrupt": probability}}


def refused(status: int, code: str) -> tuple[int, Any]:
    return status, {"error": {"code": code, "message": "…"}}


class Api:
    """A REST API on this machine that gives prepared answers, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.requests: list[tuple[str, str | None, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                api.requests.append((f"{self.command} {self.path}", self.headers["x-api-key"], body))
                status, document = api.answers.pop(0) if len(api.answers) > 1 else api.answers[0]
                self.send_response(status)
                self.end_headers()
                text = document if isinstance(document, str) else json.dumps(document)
                self.wfile.write(text.encode())

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Service:
    """A paused parameter, an API key, perhaps a champion, and the API."""

    def __init__(self, aws: Aws, api: Api) -> None:
        self.api = api
        self.aws = aws
        self.waited: list[float] = []
        self.pause("false")
        self.key = aws.client("apigateway").create_api_key(
            name="k", value="secret-key-of-the-test", enabled=True
        )

    def pause(self, value: str) -> None:
        self.aws.client("ssm").put_parameter(Name="/p/paused", Value=value, Type="String", Overwrite=True)

    def publish(self, contract: dict[str, Any] = CONTRACT) -> None:
        self.aws.client("s3").put_object(
            Bucket=self.aws.project.bucket, Key="champion/contract.json", Body=json.dumps(contract).encode()
        )

    def problem(self, *answers: tuple[int, Any]) -> str | None:
        self.api.answers = list(answers)
        watch = Watch(
            urllib3.PoolManager(retries=False),
            self.aws.client("apigateway"),
            self.aws.client("s3"),
            self.aws.client("ssm"),
            url=f"http://127.0.0.1:{self.api.server.server_address[1]}/prod",
            key_id=self.key["id"],
            bucket=self.aws.project.bucket,
            paused_parameter="/p/paused",
            sleep=self.waited.append,
        )
        return watch.problem()


@pytest.fixture
def service(registry: Aws) -> Iterator[Service]:
    api = Api()
    yield Service(registry, api)
    api.server.shutdown()
    api.server.server_close()


def test_the_known_answer_is_asked_with_the_key_and_an_id(service: Service) -> None:
    service.publish()
    assert service.problem(predicted(0.25)) is None
    assert service.api.requests == [("POST /prod/predict", "secret-key-of-the-test", ASKED)]
    # During an update another version can answer.
    assert service.problem(predicted(0.9, version="4")) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (predicted(0.26), "Version 3 answered 0.26 instead of 0.25."),
        (predicted(1.5, version="4"), "Version 4 answered 1.5 instead of 0.25."),
        (refused(503, "endpoint_unavailable"), "POST /predict answered 503 endpoint_unavailable."),
        (refused(403, "forbidden"), "POST /predict answered 403 forbidden."),
        ((200, {"probability": 1}), "The answer has an unexpected form: KeyError('model')."),
        ((502, "<html>"), "POST /predict answered 502 without JSON."),
        ((500, []), "POST /predict answered 500 ."),
    ],
)
def test_a_wrong_answer_is_a_problem_after_three_attempts(
    service: Service, answer: tuple[int, Any], expected: str
) -> None:
    service.publish()
    assert service.problem(answer) == expected
    assert len(service.api.requests) == ATTEMPTS
    assert service.waited == [WAIT_SECONDS] * (ATTEMPTS - 1)
    # A single one is not.
    assert service.problem(answer, predicted(0.25)) is None


def test_an_api_that_does_not_answer_is_a_problem(service: Service) -> None:
    service.publish()
    service.api.server.shutdown()
    service.api.server.server_close()
    assert "Connection refused" in str(service.problem(predicted(0.25)))


@pytest.mark.parametrize("value", ["true", "destroying"])
def test_a_paused_service_is_not_asked(service: Service, value: str) -> None:
    service.publish()
    service.pause(value)
    assert service.problem(refused(503, "endpoint_unavailable")) is None
    assert service.api.requests == []


def test_without_a_champion_the_api_must_say_so(service: Service) -> None:
    assert service.problem(refused(503, "no_model")) is None
    assert service.api.requests == [("GET /prod/model", "secret-key-of-the-test", None)]
    problem = service.problem((200, {"version": "3"}))
    assert problem == "The contract of the champion can't be read, and GET /model is 200."


def test_a_missing_permission_or_key_is_a_problem(service: Service) -> None:
    service.publish()
    service.aws.client("apigateway").delete_api_key(apiKey=service.key["id"])
    assert "GetApiKey" in str(service.problem(predicted(0.25)))


def test_the_address_is_local_on_local_aws() -> None:
    environment = {"API_URL": "https://a.execute-api.eu-west-1.amazonaws.com/prod", "REST_API_ID": "a"}
    assert api_url(environment) == environment["API_URL"]
    local = {**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:4600"}
    assert api_url(local) == "http://127.0.0.1:4600/restapis/a/prod/_user_request_"
