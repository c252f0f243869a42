"""Requests that are rejected before the function is called: keys, required parameters, sizes."""

from support.local_aws.gateway import Api, Cloud


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


def test_bodies_are_limited(api: Api, cloud: Cloud) -> None:
    api.proxy("/a", "POST")
    beyond = api.call("POST", "/a", b"x" * 10_485_761)
    beyond_lambda = api.call("POST", "/a", b"x" * 6_300_000)
    assert (beyond.status, beyond.headers["x-amzn-ErrorType"]) == (413, "RequestTooLargeException")
    assert (beyond_lambda.status, beyond_lambda.json) == (413, {"message": "Request Too Long"})
    assert cloud.events == []
