"""The other routes, headers, log and metrics of the API."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from predict_api.openapi import schemas
from predict_api.openapi.document import ERRORS
from support.api.fakes import NAMES, NUMBERS, REQUEST_ID, Api, client_error, contract

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def api() -> Api:
    return Api()


def test_model_returns_only_the_public_part_of_the_contract(api: Api) -> None:
    reply = api.call("GET", "/model")
    document = contract()
    del document["smoke_test"], document["model_package_arn"]
    assert (reply.status, reply.json) == (200, document)


def test_model_without_a_model(api: Api) -> None:
    api.s3.document = None
    reply = api.call("GET", "/model")
    assert (reply.status, reply.code) == (503, "no_model")


def test_health(api: Api) -> None:
    reply = api.call("GET", "/health")
    assert reply.json == {
        "status": "ok",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "model": {"version": "3", "contract": contract()["contract"]},
    }
    api = Api()
    api.s3.document = None
    assert api.call("GET", "/health").json["model"] is None


@pytest.mark.parametrize("path", ["/", "/predict/", "/models", "/favicon.ico"])
def test_unknown_resources_are_not_found(api: Api, path: str) -> None:
    reply = api.call("GET", path)
    assert (reply.status, reply.code) == (404, "not_found")
    assert reply.json["error"]["request_id"] == REQUEST_ID


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/predict", "POST, OPTIONS"),
        ("HEAD", "/docs", "GET, OPTIONS"),
        ("DELETE", "/model", "GET, OPTIONS"),
        ("POST", "/health", "GET, OPTIONS"),
        ("PUT", "/openapi.json", "GET, OPTIONS"),
    ],
)
def test_other_methods_are_not_allowed(api: Api, method: str, path: str, allow: str) -> None:
    reply = api.call(method, path)
    assert (reply.status, reply.code, reply.headers["allow"]) == (405, "method_not_allowed", allow)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/predict"), ("GET", "/model"), ("GET", "/docs"), ("GET", "/nowhere")]
)
def test_every_response_has_security_headers(api: Api, method: str, path: str) -> None:
    headers = api.call(method, path, headers={"Origin": "https://a.example"}).headers
    assert headers["x-request-id"] == REQUEST_ID
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-expose-headers"] == "X-Request-Id,Retry-After"


def test_preflight_requests_check_the_origin() -> None:
    api = Api(origins=("https://a.example", "https://b.example"))
    for origin in ("https://a.example", "https://b.example"):
        reply = api.call("OPTIONS", "/predict", headers={"Origin": origin})
        assert reply.status == 204
        assert reply.headers["access-control-allow-origin"] == origin
        assert reply.headers["access-control-allow-methods"] == "GET,OPTIONS,POST"
        assert "X-Api-Key" in reply.headers["access-control-allow-headers"]
        assert reply.headers["vary"] == "Origin"
    reply = api.call("OPTIONS", "/predict", headers={"Origin": "https://c.example"})
    assert "access-control-allow-origin" not in reply.headers


# The OpenAPI document. It only has the names of the features if the API needs no key.


@pytest.fixture
def open_api() -> Api:
    return Api(key_required=False)


def document_of(api: Api) -> dict[str, Any]:
    reply = api.call("GET", "/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    found: dict[str, Any] = reply.json
    return found


def validator(document: dict[str, Any], reference: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        {**reference, "components": document["components"]}, format_checker=FormatChecker()
    )


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("key_required", [True, False])
def test_openapi_document_is_valid(published: bool, key_required: bool) -> None:
    api = Api(key_required=key_required)
    if not published:
        api.s3.document = None
    document = document_of(api)
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_the_open_document_has_no_names_if_the_model_needs_a_key(api: Api, open_api: Api, path: str) -> None:
    closed, free = api.call("GET", path).text, open_api.call("GET", path).text
    assert all(name in free for name in NAMES)
    assert not any(name in closed for name in NAMES)
    assert contract()["contract"] not in closed
    # THEN the names are where the key is needed
    assert "GET /model` lists" in closed
    assert [feature["name"] for feature in api.call("GET", "/model").json["features"]] == list(NAMES)


def test_the_open_document_describes_every_form(api: Api) -> None:
    document = document_of(api)
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert list(content["examples"]) == ["position", "name", "many", "list"]
    # GIVEN numbers and names of the model in service, THEN the general schema accepts them
    for body in ({"data": NUMBERS}, {"features": dict(zip(NAMES, NUMBERS, strict=True))}, [NUMBERS]):
        validator(document, content["schema"]).validate(body)
        assert api.predict(body).status == 200


def test_every_route_is_documented_and_every_documented_route_exists(api: Api) -> None:
    documented = {(m.upper(), path) for path, item in document_of(api)["paths"].items() for m in item}
    assert documented == {
        ("POST", "/predict"),
        ("GET", "/model"),
        ("GET", "/health"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
    }
    for method, path in documented:
        assert api.call(method, path).status not in (404, 405)


def test_the_examples_in_the_openapi_document_work(open_api: Api) -> None:
    document = document_of(open_api)
    operation = document["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    answers = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(content["examples"]) == ["position", "name", "many", "list"]
    for example in content["examples"].values():
        validator(document, content["schema"]).validate(example["value"])
        reply = open_api.predict(example["value"])
        assert reply.status == 200
        validator(document, answers).validate(reply.json)


@pytest.mark.parametrize("key_required", [True, False])
def test_example_responses_fit_the_schemas(key_required: bool) -> None:
    document = document_of(Api(key_required=key_required))
    seen = set()
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                for content in response["content"].values():
                    for name, example in content.get("examples", {}).items():
                        validator(document, content["schema"]).validate(example["value"])
                        seen.add((status, name))
    assert {("200", "one"), ("200", "explained"), ("200", "many")} <= seen
    assert {(int(status), name) for status, name in seen if status != "200"} == {
        (status, code) for status, codes in ERRORS.items() for code in codes
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": NUMBERS[:3]},
        {"data": ["1", 2, 3, 4]},
        {"features": dict.fromkeys(NAMES[:3], 1.0)},
        {"features": {**dict.fromkeys(NAMES, 1.0), "more": 1.0}},
        {"data": NUMBERS, "more": 1},
        {"data": NUMBERS, "contract": None},
        {"instances": [NUMBERS] * 1001},
    ],
)
def test_the_schemas_reject_what_the_api_rejects(open_api: Api, body: Any) -> None:
    document = document_of(open_api)
    schema = {"$ref": "#/components/schemas/PredictRequest"}
    assert not validator(document, schema).is_valid(body)
    reply = open_api.predict(body)
    assert reply.status == 422
    validator(document, {"$ref": "#/components/schemas/ErrorAnswer"}).validate(reply.json)


def test_responses_fit_the_schemas(api: Api) -> None:
    schemas.ModelAnswer.model_validate_json(api.call("GET", "/model").text)
    schemas.HealthAnswer.model_validate_json(api.call("GET", "/health").text)
    schemas.PredictAnswer.model_validate_json(api.predict({"data": [99, 99, 99, 99]}).text)


def test_the_docs_page_needs_no_other_host(open_api: Api) -> None:
    hostile = contract(["</script><script>alert(1)</script>", *NAMES[1:]])
    open_api.s3.document = hostile
    reply = open_api.call("GET", "/docs")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "Bankruptcy risk API" in reply.text
    linked = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*[\"']?([^\"'>]*)", reply.text)
    assert [place for place in linked if not place.startswith("data:")] == []
    assert "connect-src 'self'" in reply.headers["content-security-policy"]
    assert "<script>alert(1)" not in reply.text


# Operations.


def emf(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def test_a_response_has_a_log_line_and_metrics(
    api: Api, caplog: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        predictions = api.predict([[12345.678, 2, 3, 4], NUMBERS]).json["predictions"]
    facts = caplog.records[-1].__dict__
    assert {key: facts[key] for key in ("request_id", "method", "path", "status", "outcome", "rows")} == {
        "request_id": REQUEST_ID,
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "outcome": "ok",
        "rows": 2,
    }
    assert facts["model_version"] == "3"
    assert facts["warnings"] == 1
    output = capsys.readouterr().out
    # The log never contains values from the request.
    assert "12345" not in output
    (metrics,) = emf(output)
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Bankruptcy"
    assert (metrics["Requests"], metrics["Rows"], metrics["EndpointLatency"]) == ([1.0], [2.0], [0.0])
    assert metrics["service"] == "predict_api"
    assert metrics["Version"] == [3.0]
    # The levels that were not predicted count 0, so that shares have a denominator.
    for level in ("low", "medium", "high"):
        count = sum(each["risk_level"] == level for each in predictions)
        assert metrics[f"{level.title()}Risk"] == [float(count)]


def test_errors_are_counted_by_code(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.post("{")
    requests, errors = emf(capsys.readouterr().out)
    assert requests["Requests"] == [1.0]
    assert (errors["Errors"], errors["code"]) == ([1.0], "invalid_json")


def test_a_request_does_not_log_facts_of_the_previous_one(api: Api, caplog: Any) -> None:
    with caplog.at_level(logging.INFO):
        api.predict({"data": NUMBERS})
        api.post("{")
    assert "rows" not in caplog.records[-1].__dict__


def test_the_cause_of_an_unexpected_error_is_logged(api: Api, caplog: Any) -> None:
    api.runtime.errors = [client_error("AccessDeniedException")]
    api.predict({"data": NUMBERS})
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "AccessDeniedException" in str(record.exc_info)


def test_the_handler_does_not_import_rarely_needed_packages_at_start() -> None:
    """The handler does not import pydantic and boto3 at a cold start."""
    code = (
        "import sys, predict_api.handler; "
        "print(callable(predict_api.handler.handler), sorted({'boto3', 'pydantic'} & set(sys.modules)))"
    )
    environment = {
        "BUCKET": "bucket",
        "ENDPOINT_NAME": "bankruptcy",
        "API_KEY_REQUIRED": "true",
        "CORS_ORIGINS": "*",
        "PREDICTION_LOG": "full",
        "PREDICTION_STREAM": "bankruptcy-predictions",
        "POWERTOOLS_SERVICE_NAME": "predict_api",
        "POWERTOOLS_METRICS_NAMESPACE": "Bankruptcy",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "True []"
