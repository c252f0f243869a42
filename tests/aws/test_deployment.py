"""Deploying to local AWS and destroying it: the resources, read from each service's API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.deployment.resources import (
    LOG_ROLE,
    accept,
    connect_to,
    functions_of,
    leftovers,
    make_endpoint,
    make_model,
)
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect
from scripts.aws.stacks import Change, DeploymentError, Event
from scripts.deploy.deployment import Deployment, deploy
from scripts.deploy.teardown import destroy

ALARMS_SHOWN = [
    "endpoint-errors",
    "endpoint-latency",
    "predict-api-errors",
    "deploy-model-errors",
    "versions-given-up",
    "dead-letters",
    "failed-executions",
]
PROJECT = "credit-risk"


@pytest.fixture(scope="module")
def aws(running_aws: LocalAws) -> Iterator[Aws]:
    running_aws.reset()
    with pytest.MonkeyPatch.context() as patch:
        yield connect_to(running_aws, patch, PROJECT)
    running_aws.reset()


@pytest.fixture(scope="module")
def cloud(running_aws: LocalAws) -> Iterator[Cloud]:
    made = Cloud(running_aws)
    yield made
    made.close()


@pytest.fixture(scope="module")
def deployed(aws: Aws) -> Deployment:
    """A deployment that tests do not change."""
    return deploy(aws, confirm=accept, parameters={"AlarmEmail": "alarms@example.org"})


def test_the_first_deployment_creates_everything(deployed: Deployment) -> None:
    assert (deployed.storage, deployed.service, deployed.pipeline) == ("created", "created", "created")
    assert deployed.changed


def test_the_bucket_is_private_encrypted_versioned_and_expires(deployed: Deployment, cloud: Cloud) -> None:
    s3, bucket = cloud.s3, deployed.outputs.bucket_name
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])

    assert bucket == "credit-risk-123456789012-eu-west-1"
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert block == dict.fromkeys(
        ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True
    )
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    by_id = {rule["ID"]: rule for rule in lifecycle}
    assert by_id["expire-runs"]["Filter"] == {"Prefix": "runs/"}
    assert by_id["expire-runs"]["Expiration"]["Days"] == 60
    assert by_id["expire-noncurrent-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    assert by_id["abort-incomplete-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7
    assert policy["Statement"][0]["Effect"] == "Deny"
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_functions_hold_our_code_and_settings(deployed: Deployment, cloud: Cloud) -> None:
    outputs = deployed.outputs
    predict = functions_of(cloud).get_function_configuration(FunctionName="credit-risk-predict-api")
    deployer = functions_of(cloud).get_function_configuration(FunctionName=outputs.deploy_function_name)

    assert (predict["Runtime"], predict["Handler"]) == ("python3.13", "predict_api.handler.handler")
    assert predict["Environment"]["Variables"] == {
        "ENDPOINT_NAME": "credit-risk",
        "BUCKET": outputs.bucket_name,
        "API_KEY_REQUIRED": "true",
        "CORS_ORIGINS": "*",
        "POWERTOOLS_SERVICE_NAME": "credit-risk-predict-api",
        "POWERTOOLS_METRICS_NAMESPACE": "credit-risk",
    }
    assert (deployer["Runtime"], deployer["Handler"]) == ("python3.13", "deploy_model.handler.handler")
    variables = deployer["Environment"]["Variables"]
    assert variables["ENDPOINT_ROLE_ARN"] == outputs.endpoint_role_arn
    assert variables["PAUSED_PARAMETER"] == outputs.paused_parameter_name == "/credit-risk/paused"
    assert (variables["ENDPOINT_MODE"], variables["INSTANCE_TYPE"]) == ("instance", "ml.t2.medium")
    assert (variables["MIN_INSTANCES"], variables["MAX_INSTANCES"]) == ("1", "1")
    for function, seconds in ((predict, 28), (deployer, 120)):
        assert (function["Architectures"], function["Timeout"]) == (["arm64"], seconds)
        # On local AWS, Powertools comes from the environment instead of a layer.
        assert function.get("Layers", []) == []
    assert "PredictRole" in predict["Role"]
    assert "DeployRole" in deployer["Role"]


def test_only_the_gateway_may_call_predict_api_and_only_over_our_api(
    deployed: Deployment, cloud: Cloud
) -> None:
    policy = functions_of(cloud).get_policy(FunctionName=deployed.outputs.predict_function_name)["Policy"]

    (statement,) = json.loads(policy)["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    api = f"arn:aws:execute-api:eu-west-1:123456789012:{deployed.outputs.rest_api_id}/*"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": api}}


def test_failed_calls_of_deploy_model_end_in_the_dead_letter_queue(
    deployed: Deployment, cloud: Cloud
) -> None:
    config = functions_of(cloud).get_function_event_invoke_config(
        FunctionName=deployed.outputs.deploy_function_name
    )
    url = deployed.outputs.dead_letter_queue_url
    queue = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert config["DestinationConfig"]["OnFailure"]["Destination"] == queue["QueueArn"]
    assert config["MaximumRetryAttempts"] == 2
    assert queue["SqsManagedSseEnabled"] == "true"
    assert queue["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    # Only our rules may send messages, and nobody over plain HTTP.
    rules, plain = json.loads(queue["Policy"])["Statement"]
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert [arn.rpartition("/")[2] for arn in rules["Condition"]["ArnEquals"]["aws:SourceArn"]] == [
        "credit-risk-model-package",
        "credit-risk-endpoint",
        "credit-risk-reconcile",
    ]
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_rules_call_deploy_model_with_a_dead_letter_queue(deployed: Deployment, cloud: Cloud) -> None:
    rules = {rule["Name"]: rule for rule in cloud.events.list_rules(NamePrefix="credit-risk-")["Rules"]}

    pattern = json.loads(rules["credit-risk-model-package"]["EventPattern"])
    assert pattern["detail"] == {
        "ModelPackageGroupName": ["credit-risk"],
        "ModelApprovalStatus": ["Approved", "Rejected"],
    }
    assert json.loads(rules["credit-risk-endpoint"]["EventPattern"])["detail"] == {
        "EndpointName": ["credit-risk"]
    }
    assert rules["credit-risk-reconcile"]["ScheduleExpression"] == "rate(15 minutes)"
    assert len(rules) == 3
    policy = json.loads(
        functions_of(cloud).get_policy(FunctionName=deployed.outputs.deploy_function_name)["Policy"]
    )
    allowed = {s["Condition"]["ArnLike"]["AWS:SourceArn"] for s in policy["Statement"]}
    for name, rule in rules.items():
        (target,) = cloud.events.list_targets_by_rule(Rule=name)["Targets"]
        assert target["Arn"].endswith(":function:credit-risk-deploy-model")
        assert target["DeadLetterConfig"]["Arn"].endswith(":credit-risk-dead-letters")
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 10
        assert rule["State"] == "ENABLED"
        assert rule["Arn"] in allowed


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


def test_logs_are_kept_for_30_days(deployed: Deployment, cloud: Cloud) -> None:
    groups = cloud.logs.describe_log_groups()["logGroups"]

    assert {group["logGroupName"]: group.get("retentionInDays") for group in groups} == {
        "/aws/apigateway/credit-risk": 30,
        "/aws/lambda/credit-risk-deploy-model": 30,
        "/aws/lambda/credit-risk-predict-api": 30,
        "/aws/sagemaker/Endpoints/credit-risk": 30,
    }


def test_alarms_notify_the_topic_and_the_topic_sends_mail(deployed: Deployment, cloud: Cloud) -> None:
    topic = deployed.outputs.alarm_topic_arn
    alarms = {alarm["AlarmName"]: alarm for alarm in cloud.cloudwatch.describe_alarms()["MetricAlarms"]}
    (subscription,) = cloud.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert {name: alarm.get("MetricName") for name, alarm in alarms.items()} == {
        "credit-risk-dead-letters": "ApproximateNumberOfMessagesVisible",
        "credit-risk-deploy-model-errors": "Errors",
        "credit-risk-endpoint-errors": "Invocation5XXErrors",
        "credit-risk-endpoint-latency": None,
        "credit-risk-failed-executions": "ExecutionFailed",
        "credit-risk-predict-api-errors": "Errors",
        "credit-risk-versions-given-up": "VersionsGivenUp",
    }
    assert all(alarm["AlarmActions"] == [topic] for alarm in alarms.values())
    # Missing data raises no alarm, but a version that was given up does until deploy_model reports again.
    given_up = alarms.pop("credit-risk-versions-given-up")
    assert given_up["TreatMissingData"] == "ignore"
    assert given_up["Namespace"] == "credit-risk"
    assert given_up["Dimensions"] == [{"Name": "service", "Value": "credit-risk-deploy-model"}]
    assert all(alarm["TreatMissingData"] == "notBreaching" for alarm in alarms.values())
    assert {
        name: (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"], alarm["Dimensions"][0]["Value"])
        for name, alarm in alarms.items()
        if "MetricName" in alarm
    } == {
        "credit-risk-dead-letters": ("AWS/SQS", "Maximum", 1, "credit-risk-dead-letters"),
        "credit-risk-deploy-model-errors": ("AWS/Lambda", "Sum", 1, "credit-risk-deploy-model"),
        "credit-risk-endpoint-errors": ("AWS/SageMaker", "Sum", 1, "credit-risk"),
        "credit-risk-failed-executions": ("AWS/Sagemaker/ModelBuildingPipeline", "Sum", 1, "credit-risk"),
        "credit-risk-predict-api-errors": ("AWS/Lambda", "Sum", 1, "credit-risk-predict-api"),
    }
    latency = alarms["credit-risk-endpoint-latency"]
    assert (latency["Threshold"], latency["EvaluationPeriods"]) == (1000, 3)
    (measured,) = (metric["MetricStat"] for metric in latency["Metrics"] if "MetricStat" in metric)
    assert (measured["Metric"]["MetricName"], measured["Stat"]) == ("ModelLatency", "p95")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "alarms@example.org")
    policy = json.loads(cloud.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert by_sid["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert by_sid["DenyPlainHttp"]["Effect"] == "Deny"
    body = json.loads(cloud.cloudwatch.get_dashboard(DashboardName="credit-risk")["DashboardBody"])
    assert body["widgets"][0]["properties"]["alarms"] == [
        f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:credit-risk-{name}" for name in ALARMS_SHOWN
    ]


def test_roles_have_the_permissions_of_the_template(deployed: Deployment, cloud: Cloud) -> None:
    role = deployed.outputs.job_role_arn.rpartition("/")[2]
    document = cloud.iam.get_role_policy(RoleName=role, PolicyName="job")["PolicyDocument"]
    written = next(s for s in document["Statement"] if s["Sid"] == "Write")

    bucket = f"arn:aws:s3:::{deployed.outputs.bucket_name}"
    assert written["Resource"] == [f"{bucket}/models/*", f"{bucket}/runs/*"]
    trust = cloud.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_pipeline_the_group_and_the_champion_marker_exist(deployed: Deployment, cloud: Cloud) -> None:
    pipeline = cloud.sagemaker.describe_pipeline(PipelineName=deployed.outputs.pipeline_name)
    bucket = deployed.outputs.bucket_name
    champion = cloud.s3.list_objects_v2(Bucket=bucket, Prefix="champion/")["Contents"]

    assert pipeline["RoleArn"] == deployed.outputs.pipeline_role_arn
    assert [item["Key"] for item in champion] == ["champion/none.txt"]
    group = cloud.sagemaker.describe_model_package_group(ModelPackageGroupName="credit-risk")
    assert group["ModelPackageGroupName"] == "credit-risk"
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "false"


def test_the_api_url_is_that_of_local_aws(deployed: Deployment, running_aws: LocalAws) -> None:
    api = deployed.outputs.rest_api_id
    assert deployed.outputs.api_url == f"{running_aws.url}/restapis/{api}/prod/_user_request_"


def test_deploying_again_changes_nothing(deployed: Deployment, aws: Aws, cloud: Cloud) -> None:
    # GIVEN a paused service
    cloud.ssm.put_parameter(Name="/credit-risk/paused", Value="true", Overwrite=True)

    again = deploy(aws, confirm=lambda _: False)

    assert not again.changed
    assert again.outputs == deployed.outputs
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "true"
    cloud.ssm.put_parameter(Name="/credit-risk/paused", Value="false", Overwrite=True)


def test_parameters_change_persist_and_need_confirmation(
    deployed: Deployment, aws: Aws, cloud: Cloud
) -> None:
    """Deploy, change and destroy a second project next to the first."""
    second = connect("second")
    events: list[Event] = []
    settings = {"ApiRateLimit": "5", "AlarmEmail": "a@example.org"}
    first = deploy(second, confirm=accept, on_event=events.append, parameters=settings)
    assert Event("second-service", "PredictFunction", "CREATE_COMPLETE") in events

    # WHEN a parameter of the API changes
    confirmed: list[Change] = []
    changed = deploy(
        second,
        confirm=lambda changes: bool(confirmed.extend(changes)),  # type: ignore[func-returns-value]
        parameters={"CorsOrigins": "https://a.org,https://b.org", "ApiKeyRequired": "false"},
    )

    # THEN no confirmation is needed, the API is deployed again, and the other parameters stay
    assert (changed.service, confirmed) == ("updated", [])
    stages = [
        cloud.apigateway.get_stage(restApiId=d.outputs.rest_api_id, stageName="prod")
        for d in (first, changed)
    ]
    assert stages[0]["methodSettings"]["*/*"]["throttlingRateLimit"] == 5
    deployments = cloud.apigateway.get_deployments(restApiId=changed.outputs.rest_api_id)["items"]
    assert [d["id"] for d in deployments] == [stages[1]["deploymentId"]]
    responses = cloud.apigateway.get_gateway_responses(restApiId=changed.outputs.rest_api_id)["items"]
    assert "'https://a.org'" in responses[0]["responseParameters"].values()
    resources = cloud.apigateway.get_resources(restApiId=changed.outputs.rest_api_id, embed=["methods"])
    methods = [m for r in resources["items"] for m in r.get("resourceMethods", {}).values()]
    assert not any(method["apiKeyRequired"] for method in methods)

    # WHEN a removal is not confirmed, THEN the resource stays
    with pytest.raises(DeploymentError, match=r"Not confirmed.*AlarmSubscription \(remove\)"):
        deploy(second, confirm=lambda _: False, parameters={"AlarmEmail": ""})
    topic = changed.outputs.alarm_topic_arn
    assert len(cloud.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1

    # WHEN an update fails, THEN the resource and the reason are named
    functions_of(cloud).delete_function(FunctionName="second-deploy-model")
    with pytest.raises(
        DeploymentError, match=r"UPDATE_ROLLBACK.*DeployFunction \(AWS::Lambda::Function\) failed"
    ):
        deploy(second, confirm=accept, parameters={"MinInstances": "2", "MaxInstances": "2"})

    # WHEN it is destroyed with its data, although a role was changed by hand
    role = changed.outputs.job_role_arn.rpartition("/")[2]
    cloud.iam.delete_role_policy(RoleName=role, PolicyName="job")
    gone = destroy(second, delete_data=True)

    # THEN nothing of it remains
    assert gone.kept == [LOG_ROLE]
    assert "stack second-service" in gone.removed
    assert "stack second-storage" in gone.removed
    assert leftovers(cloud, "second") == []
    assert destroy(second, delete_data=True).removed == []

    # AND the first project has not changed
    assert not deploy(aws, confirm=lambda _: False).changed
    assert deployed.outputs.bucket_name in [b["Name"] for b in cloud.s3.list_buckets()["Buckets"]]


def test_deploying_after_an_interrupted_destroy_undoes_it(
    deployed: Deployment, aws: Aws, cloud: Cloud
) -> None:
    # GIVEN a destroy that was interrupted before it deleted the stack
    def interrupt(event: Event) -> None:
        if event.subject == "pipeline credit-risk":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        destroy(aws, on_event=interrupt)
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "destroying"
    assert cloud.events.describe_rule(Name="credit-risk-reconcile")["State"] == "DISABLED"

    # WHEN it is deployed again
    events: list[Event] = []
    again = deploy(aws, confirm=accept, on_event=events.append)

    # THEN deploy_model is called again and may deploy
    assert (again.service, again.pipeline) == ("unchanged", "created")
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "false"
    rules = cloud.events.list_rules(NamePrefix="credit-risk-")["Rules"]
    assert [rule["State"] for rule in rules] == ["ENABLED"] * 3
    assert Event("service", "rule credit-risk-endpoint", "enabled again") in events


def test_destroying_keeps_the_data_and_lists_it(deployed: Deployment, aws: Aws, cloud: Cloud) -> None:
    # GIVEN an endpoint as deploy_model would make it
    cloud.events.disable_rule(Name="credit-risk-endpoint")
    make_endpoint(cloud, deployed, "credit-risk-v1-0a1b2c3d")
    # AND the model of an interrupted scoring job, and a model of another project
    for name in ("credit-risk-score-20261123-101500-0a1b", "credit-risk-too-v1-0a1b2c3d"):
        make_model(cloud, deployed, name)

    gone = destroy(aws)

    assert gone.removed == [
        "endpoint credit-risk",
        "endpoint configuration credit-risk-v1-0a1b2c3d",
        "model credit-risk-score-20261123-101500-0a1b",
        "model credit-risk-v1-0a1b2c3d",
        "pipeline credit-risk",
        "stack credit-risk-service",
    ]
    assert gone.kept == [
        "s3://credit-risk-123456789012-eu-west-1 (data, code, models and runs)",
        "stack credit-risk-storage, which contains the bucket and the group",
        LOG_ROLE,
    ]
    assert leftovers(cloud, "credit-risk") == [
        "bucket credit-risk-123456789012-eu-west-1",
        "model credit-risk-too-v1-0a1b2c3d",
        "model package group credit-risk",
        "stack credit-risk-storage",
    ]
