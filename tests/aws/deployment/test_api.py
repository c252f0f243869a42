"""The deployed REST API: keys, throttling, errors, and who may call it."""

from __future__ import annotations

import json

from support.deployment.resources import functions_of
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws
from scripts.deploy.deployment import Deployment


def test_only_the_gateway_may_call_predict_api_and_only_over_our_api(
    deployed: Deployment, cloud: Cloud
) -> None:
    policy = functions_of(cloud).get_policy(FunctionName=deployed.outputs.predict_function_name)["Policy"]

    (statement,) = json.loads(policy)["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    api = f"arn:aws:execute-api:eu-west-1:123456789012:{deployed.outputs.rest_api_id}/*"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": api}}


def test_the_api_requires_a_key_and_throttles(deployed: Deployment, cloud: Cloud) -> None:
    gateway, api = cloud.apigateway, deployed.outputs.rest_api_id
    resources = gateway.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]
    methods = {
        (resource["path"], verb): method
        for resource in resources
        for verb, method in resource.get("resourceMethods", {}).items()
    }

    keyed = {place for place, method in methods.items() if method["apiKeyRequired"]}
    assert keyed == {("/predict", "POST"), ("/model", "GET")}
    assert {path for path, _ in methods} == {"/predict", "/model", "/health", "/openapi.json", "/docs"}
    assert {path for path, verb in methods if verb == "ANY"} == {path for path, _ in methods}
    (validator,) = gateway.get_request_validators(restApiId=api)["items"]
    assert (validator["validateRequestBody"], validator["validateRequestParameters"]) == (False, True)
    assert methods["/predict", "POST"]["requestValidatorId"] == validator["id"]
    assert methods["/predict", "POST"]["requestParameters"] == {"method.request.header.Content-Type": True}
    described = gateway.get_rest_api(restApiId=api)
    assert described["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert described["apiKeySource"] == "HEADER"
    stage = gateway.get_stage(restApiId=api, stageName="prod")
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 20
    assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 40
    assert stage["accessLogSettings"]["destinationArn"].endswith(":log-group:/aws/apigateway/credit-risk:*")
    # The access log contains nothing from the request's body.
    logged = json.loads(stage["accessLogSettings"]["format"])
    assert set(logged) == {
        *("time", "request_id", "ip", "api_key_id", "method", "path", "status", "latency_ms", "error"),
    }
    assert gateway.get_account()["cloudwatchRoleArn"].endswith(":role/ApiGatewayLogs")


def test_the_key_belongs_to_the_usage_plan(deployed: Deployment, cloud: Cloud) -> None:
    gateway, key = cloud.apigateway, deployed.outputs.api_key_id
    (plan,) = gateway.get_usage_plans(keyId=key)["items"]

    assert gateway.get_api_key(apiKey=key)["enabled"] is True
    assert plan["apiStages"] == [{"apiId": deployed.outputs.rest_api_id, "stage": "prod"}]
    assert (plan["throttle"]["rateLimit"], plan["throttle"]["burstLimit"]) == (20, 40)
    assert plan["quota"] == {"limit": 100000, "period": "MONTH"}


def test_the_gateways_errors_have_the_form_of_the_api(deployed: Deployment, cloud: Cloud) -> None:
    api = deployed.outputs.rest_api_id
    responses = cloud.apigateway.get_gateway_responses(restApiId=api)["items"]
    found = {}
    for response in responses:
        text = response["responseTemplates"]["application/json"]
        body = json.loads(text.replace("$context.error.messageString", '"m"'))["error"]
        found[response["responseType"]] = (response.get("statusCode"), body["code"])
        assert set(body) == {"code", "message", "details", "request_id"}
        parameters = response["responseParameters"]
        assert parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        assert parameters["gatewayresponse.header.X-Request-Id"] == "context.requestId"
        assert parameters["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"

    assert found["MISSING_AUTHENTICATION_TOKEN"] == ("404", "not_found")
    assert found["INVALID_API_KEY"] == ("403", "forbidden")
    assert found["THROTTLED"] == ("429", "throttled")
    assert found["BAD_REQUEST_PARAMETERS"] == ("415", "unsupported_media_type")


def test_the_api_url_is_that_of_local_aws(deployed: Deployment, running_aws: LocalAws) -> None:
    api = deployed.outputs.rest_api_id
    assert deployed.outputs.api_url == f"{running_aws.url}/restapis/{api}/prod/_user_request_"
