"""The access log of a stage and the metrics of its requests, and an alarm on what a filter counts."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.local_aws.cloud import Cloud, eventually

from local_aws.base import clock
from local_aws.base.clock import now
from local_aws.cloudformation.template import Template
from scripts.deploy.template import read_template

NOWHERE = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{}/invocations".format(
    "arn:aws:lambda:eu-west-1:123456789012:function:nobody"
)
FORMAT = (
    '{"status": "$context.status", "path": "$context.path", "key": "$context.identity.apiKeyId", '
    '"ms": "$context.responseLatency", "error": "$context.error.responseType"}'
)
LOGS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "apigateway.amazonaws.com"},
        }
    ],
}


@pytest.fixture
def address(cloud: Cloud) -> str:
    """A stage that logs, with a function that does not exist behind /broken."""
    role = cloud.iam.create_role(RoleName="logs", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    cloud.iam.put_role_policy(RoleName="logs", PolicyName="logs", PolicyDocument=json.dumps(LOGS))
    gateway = cloud.apigateway
    gateway.update_account(
        patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role["Arn"]}]
    )
    cloud.logs.create_log_group(logGroupName="/access")
    api = gateway.create_rest_api(name="logged")["id"]
    [root] = gateway.get_resources(restApiId=api)["items"]
    path = gateway.create_resource(restApiId=api, parentId=root["id"], pathPart="broken")["id"]
    method = {"restApiId": api, "resourceId": path, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=NOWHERE)
    gateway.create_deployment(restApiId=api, stageName="prod")
    group = f"arn:aws:logs:{cloud.aws.region}:123456789012:log-group:/access"
    settings = {"/accessLogSettings/destinationArn": group, "/accessLogSettings/format": FORMAT}
    gateway.update_stage(
        restApiId=api,
        stageName="prod",
        patchOperations=[{"op": "replace", "path": key, "value": value} for key, value in settings.items()],
    )
    return f"{cloud.aws.url}/restapis/{api}/prod/_user_request_"


def get(url: str) -> int:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=10)
    connection.request("GET", place.path)
    status = connection.getresponse().status
    connection.close()
    return status


def logged(cloud: Cloud, count: int) -> list[dict[str, Any]]:
    def lines() -> list[dict[str, Any]] | None:
        events = cloud.logs.filter_log_events(logGroupName="/access")["events"]
        return [json.loads(each["message"]) for each in events] if len(events) >= count else None

    return eventually(lines)


def test_each_request_is_logged_and_counted(cloud: Cloud, address: str) -> None:
    clock.advance(60 - now().second)
    start = now()
    assert (get(f"{address}/broken"), get(f"{address}/nowhere")) == (500, 403)
    failed, missing = sorted(logged(cloud, 2), key=lambda line: line["path"])
    assert failed.pop("ms").isdecimal()
    # A variable without a value is a hyphen; here the request has no key.
    assert failed == {
        "status": "500",
        "path": "/prod/broken",
        "key": "-",
        "error": "API_CONFIGURATION_ERROR",
    }
    assert (missing["status"], missing["error"]) == ("403", "MISSING_AUTHENTICATION_TOKEN")
    clock.advance(60)
    for name, expected in {"Count": 2.0, "4XXError": 1.0, "5XXError": 1.0}.items():
        [point] = cloud.cloudwatch.get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=name,
            Dimensions=[{"Name": "ApiName", "Value": "logged"}, {"Name": "Stage", "Value": "prod"}],
            StartTime=start,
            EndTime=now(),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        assert point["Sum"] == expected, name


def test_failures_of_the_gateway_raise_an_alarm(cloud: Cloud, address: str) -> None:
    # GIVEN the filter of the service's template, and an alarm on its metric
    cloud.logs.put_metric_filter(
        logGroupName="/access",
        filterName="failed",
        filterPattern=Template(read_template("service.yaml")).resources["FailedRequests"]["Properties"][
            "FilterPattern"
        ],
        metricTransformations=[{"metricNamespace": "n", "metricName": "failed", "metricValue": "1"}],
    )
    cloud.cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="n",
        MetricName="failed",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )

    def state() -> str:
        clock.advance(60)
        return str(cloud.cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"][0]["StateValue"])

    # WHEN a client asks for a path that does not exist, THEN the alarm stays off
    get(f"{address}/nowhere")
    logged(cloud, 1)
    assert eventually(lambda: state() == "OK")
    # WHEN the function can't be called, THEN it goes off
    get(f"{address}/broken")
    logged(cloud, 2)
    assert eventually(lambda: state() == "ALARM")
