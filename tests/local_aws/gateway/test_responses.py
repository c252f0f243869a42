"""The function's answer is the response, and errors are those of API Gateway."""

import json
from typing import Any

import pytest
from support.local_aws.gateway import URI, Api, Cloud
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from local_aws.base.bodies import MALFORMED


def test_the_functions_answer_is_the_response(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "GET")
    cloud.answer = {
        "statusCode": 409,
        "headers": {"Content-Type": "text/plain", "X-Number": 3},
        "multiValueHeaders": {"X-Many": ["1", "2"]},
        "body": "größer",
    }

    answer = api.call("GET", "/a")

    assert answer.status == 409
    assert answer.body.decode() == "größer"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["X-Number"] == "3"
    assert answer.headers["x-amzn-RequestId"] == cloud.events[0]["requestContext"]["requestId"]
    assert answer.headers["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_gateway_responses_replace_the_defaults(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "GET")
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
            "gatewayresponse.header.X-Origin": "method.request.header.Origin",
        },
        responseTemplates={
            "application/json": '{"error": {"code": "not_found", "message": $context.error.messageString,'
            ' "raw": "$context.error.message", "kind": "$context.error.responseType",'
            ' "request_id": "$context.requestId"}}'
        },
    )
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="DEFAULT_5XX",
        responseTemplates={"application/json": '{"error": "$context.error.responseType"}'},
    )

    answer = api.call("GET", "/b", headers={"Origin": "https://example.com"})

    assert answer.status == 404
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Origin"] == "https://example.com"
    assert answer.json["error"] == {
        "code": "not_found",
        "message": "Missing Authentication Token",
        "raw": "Missing Authentication Token",
        "kind": "MISSING_AUTHENTICATION_TOKEN",
        "request_id": answer.headers["x-amzn-RequestId"],
    }
    cloud.error = "Unhandled"
    failed = api.call("GET", "/a")
    assert (failed.status, failed.json) == (502, {"error": "INTEGRATION_FAILURE"})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        {"body": "{}"},
        {"statusCode": "two hundred"},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "status": "extra"},
        {"statusCode": 200, "headers": {"X": ["list"]}},
    ],
)
def test_a_malformed_answer_is_a_502(api: Api, cloud: Cloud, answer: Any) -> None:
    api.proxy("/a", "GET")
    cloud.answer = answer
    response = api.call("GET", "/a")
    assert (response.status, response.json) == (502, {"message": "Internal server error"})


def test_a_function_that_is_too_slow_times_out(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "GET", timeout=50)
    cloud.seconds = 1.0
    answer = api.call("GET", "/a")
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})


def test_a_function_that_does_not_exist_is_a_500(api: Api) -> None:
    api.proxy("/a", "GET", uri=URI.replace(":function:f/", ":function:absent/"))
    answer = api.call("GET", "/a")
    assert (answer.status, answer.json) == (500, {"message": "Internal server error"})


def test_a_malformed_request_gets_the_apis_own_error(api: Api) -> None:
    api.proxy("/a", "POST")
    api.stage()
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="DEFAULT_4XX",
        responseTemplates={"application/json": '{"error": {"message": $context.error.messageString}}'},
    )
    path = f"/restapis/{api.id}/prod/_user_request_/a"
    environ = EnvironBuilder(
        path, method="POST", environ_overrides={MALFORMED: "It ended early."}
    ).get_environ()
    api.cloud.gateway.invalidate()
    response = Response.from_app(api.cloud.gateway, environ)
    assert (response.status_code, json.loads(response.get_data())) == (
        400,
        {"error": {"message": "It ended early."}},
    )
