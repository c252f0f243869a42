"""Requests reach the declared resource and method, and the function gets all their parts."""

import base64
import time

import pytest
from support.local_aws.gateway import Api, Cloud


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
