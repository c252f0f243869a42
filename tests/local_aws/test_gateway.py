"""A stage of a REST API answers HTTP requests as declared."""

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from local_aws.base.bodies import MALFORMED
from local_aws.functions.runtime import FunctionNotFoundError, Invocation
from local_aws.gateway.gateway import Gateway

REGION = "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:f"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ARN}/invocations"


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Do not log."""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Cloud:
    """moto with the gateway in front, and a function whose answer the test sets."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer: Any = {"statusCode": 200, "body": "{}"}
        self.error: str | None = None
        self.seconds = 0.0
        moto = DomainDispatcherApplication(create_backend_app)

        def front(environ: Any, start_response: Any) -> Any:
            ours = "/_user_request_" in environ["PATH_INFO"] or "execute-api" in environ.get("HTTP_HOST", "")
            return (self.gateway if ours else moto)(environ, start_response)

        self.server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=Quiet)
        self.port = self.server.server_port
        url = f"http://127.0.0.1:{self.port}"
        self.gateway = Gateway(url, REGION, self.invoke)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client = boto3.client(
            "apigateway",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def invoke(self, arn: str, _method_arn: str, payload: bytes) -> Invocation:
        if arn != ARN:
            raise FunctionNotFoundError(arn)
        self.events.append(json.loads(payload))
        time.sleep(self.seconds)
        return Invocation(json.dumps(self.answer).encode(), self.error, "")

    def close(self) -> None:
        self.gateway.close()
        self.server.shutdown()
        self.server.server_close()


class Api:
    """A REST API with helpers to declare methods and to call its stage `prod`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.client = cloud.client
        self.id = self.client.create_rest_api(name="api")["id"]
        self.resources = {"/": self.client.get_resources(restApiId=self.id)["items"][0]["id"]}
        self.staged = False

    def resource(self, path: str) -> str:
        if path not in self.resources:
            parent, _, part = path.rpartition("/")
            created = self.client.create_resource(
                restApiId=self.id, parentId=self.resource(parent or "/"), pathPart=part
            )
            self.resources[path] = created["id"]
        return str(self.resources[path])

    def method(self, path: str, verb: str, **options: Any) -> dict[str, Any]:
        method = {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": verb}
        self.client.put_method(**method, **{"authorizationType": "NONE", **options})
        return method

    def proxy(self, path: str, verb: str, uri: str = URI, timeout: int = 29_000, **options: Any) -> None:
        method = self.method(path, verb, **options)
        self.client.put_integration(
            **method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri, timeoutInMillis=timeout
        )

    def stage(self, **variables: str) -> None:
        deployment = self.client.create_deployment(restApiId=self.id)["id"]
        self.client.create_stage(
            restApiId=self.id, stageName="prod", deploymentId=deployment, variables=variables
        )
        self.staged = True

    def key(self, *, enabled: bool = True, planned: bool = True) -> str:
        """Create an API key in a usage plan, which includes the stage or not."""
        if not self.staged:
            self.stage()
        key = self.client.create_api_key(name="k", enabled=enabled)
        stages = [{"apiId": self.id, "stage": "prod"}] if planned else []
        plan = self.client.create_usage_plan(name="p", apiStages=stages)["id"]
        self.client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        return str(key["value"])

    def call(
        self,
        verb: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        stage: str = "prod",
    ) -> Answer:
        if not self.staged:
            self.stage()
        self.cloud.gateway.invalidate()
        return self._send(verb, f"/restapis/{self.id}/{stage}/_user_request_{path}", body, headers or {})

    def _send(self, verb: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=20)
        try:
            connection.request(verb, url, body or None, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def call_by_host(self, verb: str, path: str) -> Answer:
        self.cloud.gateway.invalidate()
        host = f"{self.id}.execute-api.localhost:{self.cloud.port}"
        return self._send(verb, f"/prod{path}", b"", {"Host": host})


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture
def api(cloud: Cloud) -> Api:
    cloud.events.clear()
    cloud.answer, cloud.error, cloud.seconds = {"statusCode": 200, "body": "{}"}, None, 0.0
    return Api(cloud)


def test_the_function_gets_all_parts_of_the_request(api: Api, cloud: Cloud) -> None:
    api.proxy("/companies/{id}", "POST")
    api.stage(colour="blue")

    api.call("POST", "/companies/7%207?a=1&a=2&b=x%20y", b'{"x": 1}', {"X-Extra": "1", "User-Agent": "t"})

    event = cloud.events[0]
    assert event["resource"] == "/companies/{id}"
    assert event["path"] == "/companies/7 7"
    assert event["httpMethod"] == "POST"
    assert event["headers"]["X-Extra"] == "1"
    assert event["multiValueHeaders"]["X-Extra"] == ["1"]
    assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert event["queryStringParameters"] == {"a": "2", "b": "x y"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["x y"]}
    assert event["pathParameters"] == {"id": "7 7"}
    assert event["stageVariables"] == {"colour": "blue"}
    assert event["body"] == '{"x": 1}'
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["apiId"] == api.id
    assert context["stage"] == "prod"
    assert context["path"] == "/prod/companies/7 7"
    assert context["resourcePath"] == "/companies/{id}"
    assert context["resourceId"] == api.resources["/companies/{id}"]
    assert context["httpMethod"] == "POST"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "t"
    assert abs(context["requestTimeEpoch"] / 1000 - time.time()) < 20


def test_absent_parts_are_null(api: Api, cloud: Cloud) -> None:
    api.proxy("/", "GET")
    api.call("GET", "/")
    empty = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables")
    assert [cloud.events[0][name] for name in (*empty, "body")] == [None] * 5


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


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/a/b", "/a/b"),
        ("/a/x", "/a/{id}"),
        ("/a/x/y", "/{proxy+}"),
        ("/z", "/{proxy+}"),
        ("/a/b/", "/a/b"),
    ],
)
def test_the_most_specific_resource_answers(api: Api, cloud: Cloud, path: str, resource: str) -> None:
    for declared in ("/a/b", "/a/{id}", "/{proxy+}"):
        api.proxy(declared, "ANY")
    api.call("DELETE", path)
    assert cloud.events[0]["resource"] == resource
    if resource == "/{proxy+}":
        assert cloud.events[0]["pathParameters"] == {"proxy": path.lstrip("/")}


def test_a_declared_method_is_preferred_to_any(api: Api, cloud: Cloud) -> None:
    method = api.method("/a", "GET")
    api.client.put_integration(
        **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 204}'}
    )
    api.client.put_integration_response(**method, statusCode="204")
    api.proxy("/a", "ANY")
    assert api.call("GET", "/a").status == 204
    assert api.call("POST", "/a").status == 200
    assert len(cloud.events) == 1


def test_an_undeclared_path_is_answered_as_a_missing_token(api: Api) -> None:
    api.proxy("/a", "GET")
    for verb, path in (("GET", "/b"), ("POST", "/a"), ("GET", "/")):
        answer = api.call(verb, path)
        assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
        assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert api.call("GET", "/a", stage="test").json == {"message": "Forbidden"}


def test_a_stage_answers_under_its_own_host(api: Api) -> None:
    api.proxy("/a", "GET")
    api.stage()
    assert api.call_by_host("GET", "/a").status == 200


def test_a_mock_integration_answers_cors_requests(api: Api) -> None:
    method = api.method("/a", "OPTIONS")
    api.client.put_integration(
        **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
    )
    header = "method.response.header.Access-Control-Allow-Origin"
    api.client.put_method_response(**method, statusCode="200", responseParameters={header: True})
    api.client.put_integration_response(
        **method, statusCode="200", responseParameters={header: "'https://example.com'"}
    )

    answer = api.call("OPTIONS", "/a")

    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] == "https://example.com"


def test_a_mock_integration_rejects_a_media_type_without_a_template(api: Api) -> None:
    method = api.method("/a", "POST")
    api.client.put_integration(
        **method,
        type="MOCK",
        passthroughBehavior="NEVER",
        requestTemplates={"application/json": '{"statusCode": 200}'},
    )
    api.client.put_integration_response(**method, statusCode="200")
    assert api.call("POST", "/a", b"a,b", {"Content-Type": "text/csv"}).status == 415


def test_a_key_must_be_enabled_and_in_a_plan_of_the_stage(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "GET", apiKeyRequired=True)
    good = api.key()
    disabled, unplanned = api.key(enabled=False), api.key(planned=False)
    for headers in ({}, {"x-api-key": "guess"}, {"x-api-key": disabled}, {"x-api-key": unplanned}):
        answer = api.call("GET", "/a", headers=headers)
        assert (answer.status, answer.json) == (403, {"message": "Forbidden"})
        assert answer.headers["x-amzn-ErrorType"] == "ForbiddenException"
    assert cloud.events == []
    assert api.call("GET", "/a", headers={"x-api-key": good}).status == 200
    assert cloud.events[0]["requestContext"]["identity"]["apiKey"] == good


def test_required_parameters_are_checked_by_the_validator(api: Api) -> None:
    validator = api.client.create_request_validator(
        restApiId=api.id, name="v", validateRequestParameters=True, validateRequestBody=False
    )["id"]
    required = {"method.request.header.Content-Type": True, "method.request.querystring.q": True}
    api.proxy("/a", "POST", requestValidatorId=validator, requestParameters=required)

    missing = api.call("POST", "/a", b"{}")
    one = api.call("POST", "/a?q=1", b"{}")
    fine = api.call("POST", "/a?q=1", b"{}", {"Content-Type": "application/json"})

    assert missing.status == 400
    assert missing.json == {"message": "Missing required request parameters: [Content-Type, q]"}
    assert one.json == {"message": "Missing required request parameters: [Content-Type]"}
    assert fine.status == 200


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


def test_bodies_are_limited(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "POST")
    beyond = api.call("POST", "/a", b"x" * 10_485_761)
    beyond_lambda = api.call("POST", "/a", b"x" * 6_300_000)
    assert (beyond.status, beyond.headers["x-amzn-ErrorType"]) == (413, "RequestTooLargeException")
    assert (beyond_lambda.status, beyond_lambda.json) == (413, {"message": "Request Too Long"})
    assert cloud.events == []


def test_binary_bodies_travel_as_base64(api: Api, cloud: Cloud) -> None:
    # AWS reads the media type from the path, moto from the value.
    patch = {"op": "add", "path": "/binaryMediaTypes/image~1png", "value": "image/png"}
    api.client.update_rest_api(restApiId=api.id, patchOperations=[patch])
    api.proxy("/a", "POST")
    cloud.answer = {
        "statusCode": 200,
        "headers": {"Content-Type": "image/png"},
        "body": base64.b64encode(b"\x89PNG").decode(),
        "isBase64Encoded": True,
    }

    answer = api.call("POST", "/a", b"\x89\x00", {"Content-Type": "image/png", "Accept": "image/png"})

    assert base64.b64decode(cloud.events[0]["body"]) == b"\x89\x00"
    assert cloud.events[0]["isBase64Encoded"] is True
    assert answer.body == b"\x89PNG"


@pytest.mark.parametrize("kind", ["AWS_IAM", "CUSTOM"])
def test_an_unsupported_feature_is_named(api: Api, kind: str) -> None:
    api.proxy("/a", "GET", authorizationType=kind)
    answer = api.call("GET", "/a")
    assert answer.status == 501
    assert kind in answer.json["message"]


def test_the_declaration_is_cached_until_it_is_invalidated(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "GET")
    assert api.call("GET", "/a").status == 200
    url = f"/restapis/{api.id}/prod/_user_request_/b"
    api.proxy("/b", "GET")

    before = api._send("GET", url, b"", {}).status
    cloud.gateway.invalidate()

    assert (before, api._send("GET", url, b"", {}).status) == (403, 200)


@pytest.mark.parametrize("path", ["/a%0ab", "/a%0d%0aSet-Cookie:%20x", "/a%00b", "/%7f"])
def test_a_path_with_control_characters_is_not_found(
    api: Api, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    api.proxy("/{proxy+}", "GET")
    answer = api.call("GET", path)
    assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
    assert api.cloud.events == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    "url",
    [
        "/restapis/a%0ab/prod/_user_request_/a",
        "/restapis/../prod/_user_request_/a",
        "/restapis//prod/_user_request_/a",
    ],
)
def test_an_address_that_names_no_api_is_forbidden(
    api: Api, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api._send("GET", url, b"", {})
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})
    assert caplog.text == ""


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
