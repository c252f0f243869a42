"""The front of local AWS turns unexpected errors of every part into AWS errors."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from local_aws.base.bodies import MALFORMED
from local_aws.base.changes import Changes
from local_aws.front import Front
from local_aws.guard import Guard


def allow(_environ: dict[str, Any], _body: bytes) -> None:
    """Refuse nothing for lack of permissions."""


def faulty(_environ: Any, _start_response: Any) -> Any:
    raise ValueError("broken within")


@pytest.mark.parametrize(
    "path", ["/restapis/abc/prod/_user_request_/predict", "/endpoints/e/invocations", "/anything"]
)
def test_an_unexpected_error_is_an_aws_error(path: str) -> None:
    changed: list[tuple[str, bool]] = []
    front = Front(
        Guard("eu-west-1"),
        refusal=allow,
        moto=faulty,
        invocations=faulty,
        stages=faulty,
        outbox=faulty,
        changed=lambda *change: changed.append(change),
        changes=Changes(),
    )
    answer = Client(front).post(path, base_url="http://127.0.0.1:4600")
    assert answer.status_code == 500
    assert answer.headers["x-amzn-ErrorType"] == "InternalFailure"
    assert "ValueError: broken within" in answer.json["message"]
    # Only a request to the control plane can change an API.
    assert changed == ([("", True)] if path == "/anything" else [])


def answering(name: str) -> Any:
    """Return an application that answers with its name."""

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [name.encode()]

    return app


@pytest.fixture
def client() -> Client:
    front = Front(
        Guard("eu-west-1"),
        refusal=allow,
        moto=answering("moto"),
        invocations=answering("endpoint"),
        stages=answering("stage"),
        outbox=answering("outbox"),
        changed=lambda _service, _important: None,
        changes=Changes(),
    )
    return Client(front)


OWN = "http://127.0.0.1:4600"
STAGE = "/restapis/abc/prod/_user_request_/predict"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://localhost:4600"},
        {"Origin": "null"},
        {"Origin": OWN, "Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/bucket/key", "/endpoints/e/invocations"])
def test_no_page_of_another_origin_is_served(
    client: Client, method: str, headers: dict[str, str], path: str
) -> None:
    answer = client.open(path, method=method, base_url=OWN, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": OWN}],
)
def test_aws_clients_and_its_own_pages_are_served(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/bucket/key", base_url=OWN, headers=headers).text == "moto"


def test_a_rest_stage_is_open_to_any_page(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://a.client.example"}
    assert client.post(STAGE, base_url=OWN, headers=headers).text == "stage"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "/moto-api/recorder/start-recording"])
def test_motos_own_interface_is_not_there(client: Client, method: str, path: str) -> None:
    assert client.open(path, method=method, base_url=OWN).status_code == 404


@pytest.mark.parametrize(
    "value", ["x", "Bearer abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c"]
)
def test_a_garbled_signature_is_the_clients_fault(client: Client, value: str) -> None:
    answer = client.get("/bucket/key", base_url=OWN, headers={"Authorization": value})
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (400, "IncompleteSignature")


def test_a_malformed_request_is_the_clients_fault(client: Client) -> None:
    answer = client.put("/bucket/key", base_url=OWN, environ_overrides={MALFORMED: "The body ended early."})
    assert (answer.status_code, answer.json["message"]) == (400, "The body ended early.")


SIGNATURE = "AWS4-HMAC-SHA256 Credential=testing/20260101/{region}/{service}/aws4_request, SignedHeaders=host"


@pytest.mark.parametrize(
    ("region", "service", "status"),
    [
        ("eu-west-1", "sts", 200),
        ("eu-west-3", "sts", 400),
        ("us-east-1", "sagemaker", 400),
        ("us-east-1", "iam", 200),
    ],
)
def test_another_region_is_refused_at_the_first_call(
    client: Client, region: str, service: str, status: int
) -> None:
    headers = {"Authorization": SIGNATURE.format(region=region, service=service)}
    answer = client.post("/", base_url=OWN, headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert f"Local AWS runs in eu-west-1; the request is for {region}." in answer.text
