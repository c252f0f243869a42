"""What only AWS can tell: each probe creates the least that shows it, and returns what it saw."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from account.recorder import Recorder
from account.resources import (
    ENDPOINT_ROLE,
    NAME,
    OWN,
    READER,
    READER_WITHOUT_LIST,
    UPDATED,
    WHOLE,
    role_arn,
    wait_for_endpoint,
)
from botocore.exceptions import ClientError
from support.models.small import SERVING, register
from support.pipeline.definitions import CODE, COMMIT

from pipeline.definition import build_definition
from pipeline.jobs import sklearn_image
from scripts.aws.session import Aws

Facts = dict[str, Any]
FEATURES = ("a", "b", "c")
COMPANY = b'{"data": [0.1, 0.2, 0.3]}'
OUR_VARIABLE = {"MODEL_PACKAGE_VERSION": "1"}
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}
INSTANCE = {"InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
_STATE_CHANGE = "SageMaker Endpoint State Change"
_DEPLOYMENT_CHANGE = "SageMaker Endpoint Deployment State Change"
# Longer than an alarm takes.
_BAKE_SECONDS = 300
# Events can take a minute; after so many seconds without one, there are no more.
_QUIET_SECONDS = 60
_QUIET_SECONDS_LOCALLY = 2


def missing_object(aws: Aws, recorder: Recorder) -> Facts:
    """Read an object that does not exist, with and without the permission to list its prefix."""
    return {
        "with s3:ListBucket under a condition on the prefix": _read_as(aws, recorder, READER),
        "without s3:ListBucket": _read_as(aws, recorder, READER_WITHOUT_LIST),
    }


def _read_as(aws: Aws, recorder: Recorder, role: str) -> str:
    session = aws.client("sts").assume_role(RoleArn=role_arn(aws, role), RoleSessionName="check")
    found = session["Credentials"]
    reader = boto3.Session(
        found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], aws.project.region
    )
    recorder.attach(reader)
    return _outcome(reader.client("s3").get_object, Bucket=aws.project.bucket, Key="champion/contract.json")


def pipeline_definition(aws: Aws, _recorder: Recorder) -> Facts:
    """Create the pipeline. No execution is started."""
    role = role_arn(aws, ENDPOINT_ROLE)
    definition = build_definition(aws.project, role, CODE, COMMIT)
    return {
        "CreatePipeline": _outcome(
            aws.client("sagemaker").create_pipeline,
            PipelineName=NAME,
            PipelineDefinition=definition,
            RoleArn=role,
        )
    }


def environment_of_a_package(aws: Aws, _recorder: Recorder) -> Facts:
    """Serve a package on serverless endpoints: with its environment repeated, and with our variable alone.

    Without the package's environment, no endpoint starts. So if the second one is in service, AWS merges.
    """
    package = _registered(aws)
    environments = {WHOLE: {**SERVING, **OUR_VARIABLE}, OWN: OUR_VARIABLE}
    for name, environment in environments.items():
        _create_model(aws, name, package, environment)
        _create_config(aws, name, name, SERVERLESS)
        aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    statuses = {name: _status(wait_for_endpoint(aws, name)) for name in environments}
    invoke = aws.client("sagemaker-runtime").invoke_endpoint
    return {
        "endpoint with the package's environment and ours": statuses[WHOLE],
        "its answer": _outcome(invoke, EndpointName=WHOLE, ContentType="application/json", Body=COMPANY),
        "endpoint with ours alone": statuses[OWN],
    }


def update_of_an_endpoint(aws: Aws, _recorder: Recorder) -> Facts:
    """Update an instance endpoint with a DeploymentConfig, then let an alarm roll an update back."""
    sagemaker = aws.client("sagemaker")
    queue = _collect_events(aws)
    _put_alarm(aws, "notBreaching")
    _create_model(aws, UPDATED, _registered(aws), {**SERVING, **OUR_VARIABLE})
    for config in (UPDATED, f"{UPDATED}-2"):
        _create_config(aws, config, UPDATED, INSTANCE)
    sagemaker.create_endpoint(EndpointName=UPDATED, EndpointConfigName=UPDATED)
    created = _status(wait_for_endpoint(aws, UPDATED))
    update = _update(aws, f"{UPDATED}-2", bake_seconds=0)
    updated = wait_for_endpoint(aws, UPDATED) or {}
    events = _received(aws, queue)
    # deploy_model stops an update with a condition that always holds.
    _put_alarm(aws, "breaching")
    aborted = _update(aws, UPDATED, bake_seconds=_BAKE_SECONDS)
    rolled_back = wait_for_endpoint(aws, UPDATED) or {}
    return {
        "created": created,
        "UpdateEndpoint": update,
        "updated": _status(updated),
        "its configuration": updated.get("EndpointConfigName"),
        "its LastDeploymentConfig": updated.get("LastDeploymentConfig"),
        "statuses in events": _statuses(events),
        "stages in events": _stages(events),
        "resources in events": sorted(
            {arn.rpartition("/")[2] for each in events for arn in each["resources"]}
        ),
        "UpdateEndpoint with an alarm that is on": aborted,
        "status after it": _status(rolled_back),
        "configuration after it": rolled_back.get("EndpointConfigName"),
        "FailureReason after it": rolled_back.get("FailureReason"),
        "statuses in its events": _statuses(_received(aws, queue)),
    }


def _put_alarm(aws: Aws, missing_data: str) -> None:
    """Put an alarm on a metric without values."""
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=NAME,
        Namespace=NAME,
        MetricName="None",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData=missing_data,
    )


def _update(aws: Aws, config: str, bake_seconds: int) -> str:
    """Start an update of the endpoint; return the outcome of the call."""
    return _outcome(
        aws.client("sagemaker").update_endpoint,
        EndpointName=UPDATED,
        EndpointConfigName=config,
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": bake_seconds,
                "MaximumExecutionTimeoutInSeconds": 1800,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": NAME}]},
        },
    )


def _statuses(events: list[Any]) -> list[str]:
    return [each["detail"]["EndpointStatus"] for each in events if each["detail-type"] == _STATE_CHANGE]


def _stages(events: list[Any]) -> list[str]:
    """Return the stages of an update, from the events of its deployment."""
    summaries = [
        each["detail"].get("PendingDeploymentSummary", {})
        for each in events
        if each["detail-type"] == _DEPLOYMENT_CHANGE
    ]
    return [
        status["Status"]
        for summary in summaries
        for variant in summary.get("ProductionVariants", [])
        for status in variant.get("VariantStatus", [])
    ]


PROBES: Mapping[str, Callable[[Aws, Recorder], Facts]] = {
    probe.__name__: probe
    for probe in (missing_object, pipeline_definition, environment_of_a_package, update_of_an_endpoint)
}


def _outcome(call: Callable[..., Any], **request: Any) -> str:
    """Return the status of a call, with the code of an error."""
    try:
        answer = call(**request)
    except ClientError as error:
        answer = error.response
        return f"{answer['ResponseMetadata']['HTTPStatusCode']} {answer['Error']['Code']}"
    return str(answer["ResponseMetadata"]["HTTPStatusCode"])


def _status(endpoint: Mapping[str, Any] | None) -> str:
    return "gone" if endpoint is None else str(endpoint["EndpointStatus"])


def _registered(aws: Aws) -> str:
    """Register a small model, approve it, and return the ARN of its package."""
    sagemaker = aws.client("sagemaker")
    if not sagemaker.list_model_package_groups(NameContains=NAME)["ModelPackageGroupSummaryList"]:
        sagemaker.create_model_package_group(ModelPackageGroupName=NAME)
    with tempfile.TemporaryDirectory() as folder:
        version, _ = register(aws, Path(folder), FEATURES, 0, image=sklearn_image(aws.project.region))
    arn = f"arn:aws:sagemaker:{aws.project.region}:{aws.project.account}:model-package/{NAME}/{version}"
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return arn


def _create_model(aws: Aws, name: str, package: str, environment: Mapping[str, str]) -> None:
    aws.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=role_arn(aws, ENDPOINT_ROLE),
        PrimaryContainer={"ModelPackageName": package, "Environment": dict(environment)},
    )


def _create_config(aws: Aws, name: str, model: str, variant: Mapping[str, Any]) -> None:
    aws.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": model, **variant}],
    )


def _collect_events(aws: Aws) -> str:
    """Send the state changes of the updated endpoint to a queue; return its URL."""
    events, sqs = aws.client("events"), aws.client("sqs")
    url = sqs.create_queue(QueueName=NAME)["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.project.region}:{aws.project.account}:{NAME}"
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": [_STATE_CHANGE, _DEPLOYMENT_CHANGE],
        "detail": {"EndpointName": [UPDATED]},
    }
    rule = events.put_rule(Name=NAME, EventPattern=json.dumps(pattern))["RuleArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule=NAME, Targets=[{"Id": NAME, "Arn": arn}])
    return str(url)


def _received(aws: Aws, queue: str) -> list[Any]:
    """Return the events in the queue by time, each once."""
    sqs = aws.client("sqs")
    quiet = _QUIET_SECONDS_LOCALLY if aws.is_local else _QUIET_SECONDS
    found: dict[str, Any] = {}
    deadline = time.monotonic() + quiet
    while time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in messages.get("Messages", []):
            event = json.loads(message["Body"])
            found[event["id"]] = event
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            deadline = time.monotonic() + quiet
    # Events of one second have the same time; SageMaker's own time of the change is more precise.
    return sorted(found.values(), key=lambda event: event["detail"].get("LastModifiedTime", 0))
