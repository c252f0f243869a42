"""Permissions that are granted although the end-to-end test does not need them, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from support.permissions.policy import handler_actions, resource_types

from local_aws.iam.policy import matches

HANDLERS = "CloudFormation needs it to read, update or delete a resource in ways that the test does not"
# Reasons with the actions, by the caller that has them.
REASONS: Mapping[str, Mapping[str, str]] = {
    "SageMaker pulls the container's image, and local AWS has no images": dict.fromkeys(
        ("EndpointRole", "JobRole", "MonitoringJobRole", "TransformRole"),
        "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetAuthorizationToken"
        " ecr:GetDownloadUrlForLayer",
    ),
    "SageMaker writes metrics with the role, and local AWS writes them itself": dict.fromkeys(
        ("EndpointRole", "JobRole", "MonitoringJobRole", "TransformRole"), "cloudwatch:PutMetricData"
    ),
    "SageMaker reads the rollback alarms during an update; AWS does not document with which role": {
        "EndpointRole": "cloudwatch:DescribeAlarms"
    },
    "SageMaker's log agent looks for an existing log stream": dict.fromkeys(
        ("EndpointRole", "JobRole", "MonitoringJobRole", "TransformRole"), "logs:DescribeLogStreams"
    ),
    "the managed policy that AWS has for this role allows it": {
        "ApiGatewayLogs": "logs:CreateLogGroup logs:DescribeLogGroups logs:DescribeLogStreams"
        " logs:FilterLogEvents logs:GetLogEvents"
    },
    "the endpoint's container logs problems only, and the test causes none": {
        "EndpointRole": "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"
    },
    "SageMaker tags and looks up what a pipeline creates": {
        "PipelineRole": "sagemaker:AddTags sagemaker:DescribeModelPackageGroup sagemaker:ListTags"
    },
    "the execution that the test stops is in its first step": {"PipelineRole": "sagemaker:StopTrainingJob"},
    "with it, S3 answers that an object does not exist, and not that access is denied": {
        "DeployRole": "s3:ListBucket",
        "PredictRole": "s3:ListBucket",
        "approver": "s3:ListBucket",
    },
    "only if a job has failed": dict.fromkeys(
        ("approver", "trainer"), "sagemaker:DescribeProcessingJob sagemaker:DescribeTrainingJob"
    ),
    "Firehose needs it for large files, and the test predicts few companies": {
        "StreamRole": "kms:Decrypt s3:AbortMultipartUpload"
    },
    "the log group is that of all processing jobs, and the pipeline's jobs have created it": {
        "MonitoringJobRole": "logs:CreateLogGroup"
    },
    "only after failed calls": dict.fromkeys(("MonitorRole", "NoticesRole"), "sqs:SendMessage"),
    "only after a failed deployment": {"DeployRole": "sagemaker:UpdateModelPackage sqs:SendMessage"},
    "only after more than three deployments": {
        "DeployRole": "sagemaker:DeleteEndpointConfig sagemaker:DeleteModel"
    },
    "CloudFormation looks up the functions' layer, and local AWS needs no layer": {
        "deployer": "lambda:GetLayerVersion ssm:GetParameters"
    },
    "only after a failed or interrupted command": {
        "deployer": "events:EnableRule logs:DescribeLogStreams logs:GetLogEvents sagemaker:StopTransformJob"
    },
    "only `bankruptcy console` shows graphs and logs of executions": dict.fromkeys(
        ("approver", "trainer"),
        "logs:DescribeLogStreams logs:GetLogEvents sagemaker:DescribePipeline"
        " sagemaker:DescribePipelineDefinitionForExecution",
    ),
    "only `bankruptcy console` shows what happened to the endpoint": {"deployer": "logs:FilterLogEvents"},
    "only `bankruptcy promote` registers versions, and its test uses two accounts": {
        "deployer": "sagemaker:CreateModelPackage"
    },
    "local AWS costs nothing, so no price is looked up": {"deployer": "pricing:GetProducts"},
    "CloudFormation removes tags that a stack no longer has": {"deployer": "cloudformation:UntagResource"},
    "only if the pipeline or the code has changed": {
        "deployer": "sagemaker:UpdatePipeline lambda:UpdateFunctionCode"
    },
}


def reason_for(caller: str, pattern: str) -> str | None:
    """Return why a caller has an action or pattern that was not recorded; None if no reason is known."""
    for reason, callers in REASONS.items():
        if pattern in callers.get(caller, "").split():
            return reason
    is_handlers = caller == "deployer" and any(
        matches(pattern.lower(), each.lower()) for each in _all_handler_actions()
    )
    return HANDLERS if is_handlers else None


def listed_actions() -> Iterator[tuple[str, str]]:
    """Yield each caller and action in the list."""
    for callers in REASONS.values():
        for caller, actions in callers.items():
            yield from ((caller, action) for action in actions.split())


@cache
def _all_handler_actions() -> frozenset[str]:
    return frozenset(action for kind in resource_types() for action in handler_actions(kind))
