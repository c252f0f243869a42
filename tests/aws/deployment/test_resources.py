"""The deployed resources, read from each service's API."""

from __future__ import annotations

import json

import pytest
from support.deployment.resources import functions_of
from support.local_aws.cloud import Cloud, eventually

from scripts.aws.outbox import read_outbox
from scripts.deploy.deployment import Deployment


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
        "PREDICTION_LOG": "full",
        "PREDICTION_STREAM": "credit-risk-predictions",
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


def test_failed_calls_of_deploy_model_end_in_the_dead_letter_queue(
    deployed: Deployment, cloud: Cloud
) -> None:
    config = functions_of(cloud).get_function_event_invoke_config(
        FunctionName=deployed.outputs.deploy_function_name
    )
    url = deployed.outputs.dead_letter_queue_url
    queue = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert config["DestinationConfig"]["OnFailure"]["Destination"] == queue["QueueArn"]
    # Finished calls are passed on to send_notices.
    assert config["DestinationConfig"]["OnSuccess"]["Destination"].endswith(":credit-risk-send-notices")
    assert config["MaximumRetryAttempts"] == 2
    assert queue["SqsManagedSseEnabled"] == "true"
    assert queue["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    # Only our rules may send messages, and nobody over plain HTTP.
    rules, plain = json.loads(queue["Policy"])["Statement"]
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert set(rules["Condition"]["ArnEquals"]["aws:SourceArn"]) == {
        rule["Arn"] for rule in cloud.events.list_rules()["Rules"]
    }
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_rules_call_functions_with_a_dead_letter_queue(deployed: Deployment, cloud: Cloud) -> None:
    rules = {rule["Name"]: rule for rule in cloud.events.list_rules(NamePrefix="credit-risk-")["Rules"]}

    pattern = json.loads(rules["credit-risk-model-package"]["EventPattern"])
    assert pattern["detail"] == {
        "ModelPackageGroupName": ["credit-risk"],
        "ModelApprovalStatus": ["Approved", "Rejected"],
    }
    assert json.loads(rules["credit-risk-endpoint"]["EventPattern"])["detail"] == {
        "EndpointName": ["credit-risk"]
    }
    assert json.loads(rules["credit-risk-waiting-version"]["EventPattern"])["detail"] == {
        "ModelPackageGroupName": ["credit-risk"],
        "ModelApprovalStatus": ["PendingManualApproval"],
    }
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/credit-risk"
    assert json.loads(rules["credit-risk-failed-execution"]["EventPattern"])["detail"] == {
        "pipelineArn": [arn],
        "currentPipelineExecutionStatus": ["Failed"],
    }
    for name in ("reconcile", "watch"):
        assert rules[f"credit-risk-{name}"]["ScheduleExpression"] == "rate(15 minutes)"
    assert rules["credit-risk-monitoring"]["ScheduleExpression"] == "rate(24 hours)"
    assert json.loads(rules["credit-risk-monitored"]["EventPattern"])["detail"] == {
        "pipelineArn": [f"{arn}-monitoring"],
        "currentPipelineExecutionStatus": ["Succeeded"],
    }
    assert json.loads(rules["credit-risk-new-data"]["EventPattern"]) == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [deployed.outputs.bucket_name]},
            "object": {"key": [{"prefix": "data/"}]},
        },
    }
    functions = {
        "credit-risk-model-package": "credit-risk-deploy-model",
        "credit-risk-endpoint": "credit-risk-deploy-model",
        "credit-risk-reconcile": "credit-risk-deploy-model",
        "credit-risk-waiting-version": "credit-risk-send-notices",
        "credit-risk-failed-execution": "credit-risk-send-notices",
        "credit-risk-monitored": "credit-risk-watch-model",
        "credit-risk-monitoring": "credit-risk-watch-model",
        "credit-risk-ended-alarm": "credit-risk-send-notices",
        "credit-risk-watch": "credit-risk-watch-api",
        "credit-risk-new-data": "credit-risk-watch-model",
    }
    assert set(rules) == set(functions)
    for name, rule in rules.items():
        policy = json.loads(functions_of(cloud).get_policy(FunctionName=functions[name])["Policy"])
        allowed = {s["Condition"]["ArnLike"]["AWS:SourceArn"] for s in policy["Statement"]}
        (target,) = cloud.events.list_targets_by_rule(Rule=name)["Targets"]
        assert target["Arn"].endswith(f":function:{functions[name]}")
        assert target["DeadLetterConfig"]["Arn"].endswith(":credit-risk-dead-letters")
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 10
        assert rule["State"] == "ENABLED"
        assert rule["Arn"] in allowed


def test_logs_are_kept_for_30_days(deployed: Deployment, cloud: Cloud) -> None:
    groups = cloud.logs.describe_log_groups()["logGroups"]

    assert {group["logGroupName"]: group.get("retentionInDays") for group in groups} == {
        "/aws/apigateway/credit-risk": 30,
        "/aws/lambda/credit-risk-deploy-model": 30,
        "/aws/lambda/credit-risk-predict-api": 30,
        "/aws/lambda/credit-risk-watch-model": 30,
        "/aws/lambda/credit-risk-send-notices": 30,
        "/aws/lambda/credit-risk-watch-api": 30,
        "/aws/sagemaker/Endpoints/credit-risk": 30,
    }


def test_predictions_are_logged_below_their_hour_for_760_days(deployed: Deployment, cloud: Cloud) -> None:
    stream = cloud.firehose.describe_delivery_stream(DeliveryStreamName="credit-risk-predictions")
    [destination] = stream["DeliveryStreamDescription"]["Destinations"]
    written = destination["ExtendedS3DestinationDescription"]
    bucket = deployed.outputs.bucket_name
    rules = cloud.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]

    assert written["BucketARN"] == f"arn:aws:s3:::{bucket}"
    assert written["Prefix"] == "predictions/!{timestamp:yyyy/MM/dd/HH}/"
    assert written["CompressionFormat"] == "GZIP"
    [days] = [rule["Expiration"]["Days"] for rule in rules if rule["ID"] == "expire-predictions"]
    assert days == 760


def test_alarms_notify_the_topic_and_the_topic_sends_mail(deployed: Deployment, cloud: Cloud) -> None:
    topic = deployed.outputs.alarm_topic_arn
    alarms = {alarm["AlarmName"]: alarm for alarm in cloud.cloudwatch.describe_alarms()["MetricAlarms"]}
    arns = sorted(alarm["AlarmArn"] for alarm in alarms.values())
    (subscription,) = cloud.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert {name: alarm.get("MetricName") for name, alarm in alarms.items()} == {
        "credit-risk-dead-letters": "ApproximateNumberOfMessagesVisible",
        "credit-risk-deploy-model-errors": "Errors",
        "credit-risk-endpoint-errors": "Invocation5XXErrors",
        "credit-risk-endpoint-latency": "ModelLatency",
        "credit-risk-drift": "DriftingColumns",
        "credit-risk-quality": "VersionsOfLowQuality",
        "credit-risk-silence": "SilentWindows",
        "credit-risk-watch-model-errors": "Errors",
        "credit-risk-failed-monitoring": "ExecutionFailed",
        "credit-risk-predictions-lost": "PredictionsLost",
        "credit-risk-failed-executions": "ExecutionFailed",
        "credit-risk-predict-api-errors": "Errors",
        "credit-risk-api-errors": "FailedRequests",
        "credit-risk-api-throttled": "ThrottledRequests",
        "credit-risk-predict-api-throttles": "Throttles",
        "credit-risk-send-notices-errors": "Errors",
        "credit-risk-versions-given-up": "VersionsGivenUp",
        "credit-risk-watch-api": "KnownAnswerFailed",
    }
    silent = {"credit-risk-failed-executions", "credit-risk-versions-given-up"}
    for name, alarm in alarms.items():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([] if name in silent else [topic], [])
    # Missing data raises no alarm, but a version that was given up does until deploy_model reports again.
    given_up = alarms.pop("credit-risk-versions-given-up")
    assert given_up["TreatMissingData"] == "ignore"
    assert given_up["Namespace"] == "credit-risk"
    assert given_up["Dimensions"] == [{"Name": "service", "Value": "credit-risk-deploy-model"}]
    # The watch also notifies people if it stops, but not before its first call.
    watch = alarms.pop("credit-risk-watch-api")
    assert (watch["TreatMissingData"], watch["Statistic"], watch["Period"]) == ("missing", "Minimum", 1800)
    assert (watch["EvaluationPeriods"], watch["InsufficientDataActions"]) == (1, [topic])
    assert watch["Dimensions"] == [{"Name": "service", "Value": "credit-risk-watch-api"}]
    # The same holds between two runs of monitoring.
    for name in ("drift", "quality", "silence"):
        judged = alarms.pop(f"credit-risk-{name}")
        assert (judged["TreatMissingData"], judged["Statistic"]) == ("ignore", "Maximum")
        assert judged["Dimensions"] == [{"Name": "service", "Value": "credit-risk-watch-model"}]
    assert all(alarm["TreatMissingData"] == "notBreaching" for alarm in alarms.values())
    # The two alarms on what metric filters count; clients may be throttled for a moment.
    filters = cloud.logs.describe_metric_filters(logGroupName="/aws/apigateway/credit-risk")["metricFilters"]
    counted = [each["metricTransformations"][0] for each in filters]
    for name, periods in (("api-errors", 1), ("api-throttled", 3)):
        alarm = alarms.pop(f"credit-risk-{name}")
        assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Sum", 1, periods)
        assert alarm["Dimensions"] == []
        place = (alarm["Namespace"], alarm["MetricName"])
        assert place in [(each["metricNamespace"], each["metricName"]) for each in counted]
    assert {
        name: (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"], alarm["Dimensions"][0]["Value"])
        for name, alarm in alarms.items()
        if "Statistic" in alarm
    } == {
        "credit-risk-dead-letters": ("AWS/SQS", "Maximum", 1, "credit-risk-dead-letters"),
        "credit-risk-deploy-model-errors": ("AWS/Lambda", "Sum", 1, "credit-risk-deploy-model"),
        "credit-risk-endpoint-errors": ("AWS/SageMaker", "Sum", 1, "credit-risk"),
        "credit-risk-failed-executions": ("AWS/Sagemaker/ModelBuildingPipeline", "Sum", 1, "credit-risk"),
        "credit-risk-failed-monitoring": (
            "AWS/Sagemaker/ModelBuildingPipeline",
            "Sum",
            1,
            "credit-risk-monitoring",
        ),
        "credit-risk-watch-model-errors": ("AWS/Lambda", "Sum", 1, "credit-risk-watch-model"),
        "credit-risk-predict-api-errors": ("AWS/Lambda", "Sum", 1, "credit-risk-predict-api"),
        "credit-risk-predict-api-throttles": ("AWS/Lambda", "Sum", 1, "credit-risk-predict-api"),
        "credit-risk-predictions-lost": ("credit-risk", "Sum", 1, "credit-risk-predict-api"),
        "credit-risk-send-notices-errors": ("AWS/Lambda", "Sum", 1, "credit-risk-send-notices"),
    }
    latency = alarms["credit-risk-endpoint-latency"]
    # 1,000 ms, in microseconds.
    assert (latency["ExtendedStatistic"], latency["Threshold"]) == ("p95", 1_000_000)
    assert (latency["EvaluationPeriods"], latency["Period"]) == (3, 300)
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "alarms@example.org")
    policy = json.loads(cloud.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert by_sid["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert by_sid["DenyPlainHttp"]["Effect"] == "Deny"
    body = json.loads(cloud.cloudwatch.get_dashboard(DashboardName="credit-risk")["DashboardBody"])
    assert sorted(body["widgets"][0]["properties"]["alarms"]) == arns


def test_the_budget_counts_costs_with_the_projects_tag_and_notifies_the_topic(
    deployed: Deployment, cloud: Cloud
) -> None:
    [budget] = cloud.budgets.describe_budgets(AccountId="123456789012")["Budgets"]
    assert (budget["BudgetName"], budget["TimeUnit"]) == ("credit-risk-eu-west-1", "MONTHLY")
    assert budget["BudgetLimit"] == {"Amount": "80", "Unit": "USD"}
    assert budget["CostFilters"] == {"TagKeyValue": ["user:Project$credit-risk"]}
    notified = cloud.budgets.describe_notifications_for_budget(
        AccountId="123456789012", BudgetName="credit-risk-eu-west-1"
    )["Notifications"]
    assert [(each["NotificationType"], each["Threshold"]) for each in notified] == [
        ("ACTUAL", 80.0),
        ("FORECASTED", 100.0),
    ]
    topic = deployed.outputs.alarm_topic_arn
    policy = json.loads(cloud.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    [allowed] = [each for each in policy["Statement"] if each["Sid"] == "Budget"]
    assert allowed["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:budgets::123456789012:*"},
    }


@pytest.mark.usefixtures("deployed")
def test_the_topic_gets_the_start_and_the_end_of_an_alarm(cloud: Cloud) -> None:
    def subjects() -> list[str]:
        return [message["subject"] for message in read_outbox()]

    # The first change to OK sends nothing.
    for state in ("OK", "ALARM", "OK"):
        cloud.cloudwatch.set_alarm_state(
            AlarmName="credit-risk-dead-letters", StateValue=state, StateReason="a test"
        )
    titles = {
        'ALARM: "credit-risk-dead-letters" in eu-west-1',
        "credit-risk: alarm dead-letters has ended",
    }
    eventually(lambda: set(subjects()) == titles)
    assert len(subjects()) == 2


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
