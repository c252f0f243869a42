"""Which IAM actions an operation needs, on which resources, with which values of condition keys.

Checked against AWS's Service Authorization Reference by tests/local_aws/iam.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from local_aws.base.clients import ACCOUNT
from local_aws.iam.operations import Operation
from local_aws.iam.policy import Need

# The start of a service's ARNs.
_PREFIXES = {
    "iam": "arn:aws:iam::{account}:",
    "s3": "arn:aws:s3:::",
    "sagemaker-runtime": "arn:aws:sagemaker:{region}:{account}:",
}
_PREFIX = "arn:aws:{service}:{region}:{account}:"
_NAMESPACES = {"sagemaker-runtime": "sagemaker"}

# Resources with the operations on them. In braces are members of the request: a list stands for several
# resources, and an ARN for the whole resource. * is for operations that IAM cannot restrict to a resource.
RESOURCES: Mapping[str, Mapping[str, str]] = {
    "application-autoscaling": {
        "scalable-target/*": "DeregisterScalableTarget PutScalingPolicy RegisterScalableTarget",
        "*": "DescribeScalableTargets",
    },
    "cloudformation": {
        "stack/{StackName}/*": "CreateChangeSet DeleteChangeSet DeleteStack DescribeChangeSet"
        " DescribeStackEvents DescribeStacks ExecuteChangeSet ListStackResources",
    },
    "cloudwatch": {
        "alarm:{AlarmName}": "PutMetricAlarm",
        "alarm:{AlarmNames}": "DeleteAlarms",
        "arn:aws:cloudwatch::{account}:dashboard/{DashboardName}": "GetDashboard PutDashboard",
        "arn:aws:cloudwatch::{account}:dashboard/{DashboardNames}": "DeleteDashboards",
        "*": "PutMetricData",
    },
    "events": {
        "rule/{Name}": "DeleteRule DescribeRule DisableRule EnableRule PutRule",
        "rule/{Rule}": "ListTargetsByRule PutTargets RemoveTargets",
    },
    "firehose": {
        "deliverystream/{DeliveryStreamName}": "CreateDeliveryStream DeleteDeliveryStream"
        " DescribeDeliveryStream PutRecord PutRecordBatch UpdateDestination",
    },
    "iam": {
        "role/{RoleName}": "AttachRolePolicy CreateRole DeleteRole DeleteRolePolicy DetachRolePolicy GetRole"
        " ListAttachedRolePolicies ListRolePolicies PutRolePolicy UpdateAssumeRolePolicy UpdateRole",
    },
    "lambda": {
        "function:{FunctionName}": "AddPermission CreateFunction DeleteFunction"
        " DeleteFunctionEventInvokeConfig GetFunction GetFunctionConfiguration Invoke"
        " PutFunctionEventInvokeConfig RemovePermission UpdateFunctionCode UpdateFunctionConfiguration",
    },
    "logs": {
        "log-group:{logGroupName}": "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteMetricFilter"
        " DeleteRetentionPolicy DescribeLogStreams DisassociateKmsKey FilterLogEvents PutMetricFilter"
        " PutRetentionPolicy",
        "log-group:{logGroupName}:log-stream:{logStreamName}": "CreateLogStream GetLogEvents PutLogEvents",
        "*": "DescribeLogGroups",
    },
    "s3": {
        "{Bucket}": "CreateBucket DeleteBucket DeleteBucketPolicy HeadBucket ListObjectVersions"
        " ListObjectsV2 PutBucketEncryption PutBucketLifecycleConfiguration"
        " PutBucketNotificationConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketTagging"
        " PutBucketVersioning PutPublicAccessBlock",
        "{Bucket}/{Key}": "AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload"
        " DeleteObject GetObject HeadObject PutObject UploadPart",
        "*": "ListBuckets",
    },
    "sagemaker": {
        "endpoint/{EndpointName}": "CreateEndpoint DeleteEndpoint DescribeEndpoint UpdateEndpoint",
        "endpoint-config/{EndpointConfigName}": "CreateEndpoint CreateEndpointConfig DeleteEndpointConfig"
        " DescribeEndpointConfig UpdateEndpoint",
        "model/{ModelName}": "CreateModel DeleteModel DescribeModel",
        "model-package-group/{ModelPackageGroupName}": "CreateModelPackage CreateModelPackageGroup"
        " DeleteModelPackageGroup DescribeModelPackageGroup",
        "model-package/{ModelPackageGroupName}/*": "CreateModelPackage",
        "{ModelPackageName}": "DeleteModelPackage DescribeModelPackage",
        "{ModelPackageArn}": "UpdateModelPackage",
        "pipeline/{PipelineName}": "CreatePipeline DeletePipeline DescribePipeline ListPipelineExecutions"
        " StartPipelineExecution UpdatePipeline",
        "{PipelineExecutionArn}": "DescribePipelineDefinitionForExecution DescribePipelineExecution"
        " ListPipelineExecutionSteps ListPipelineParametersForExecution RetryPipelineExecution"
        " StopPipelineExecution",
        "processing-job/{ProcessingJobName}": "CreateProcessingJob DescribeProcessingJob StopProcessingJob",
        "training-job/{TrainingJobName}": "CreateTrainingJob DescribeTrainingJob StopTrainingJob",
        "transform-job/{TransformJobName}": "CreateTransformJob DescribeTransformJob StopTransformJob",
        "{ResourceArn}": "AddTags DeleteTags ListTags",
        "*": "ListEndpointConfigs ListEndpoints ListModelPackageGroups ListModelPackages ListModels"
        " ListPipelines ListProcessingJobs ListTrainingJobs ListTransformJobs",
    },
    "sagemaker-runtime": {"endpoint/{EndpointName}": "InvokeEndpoint"},
    "sns": {
        "{Name}": "CreateTopic",
        "{TopicArn}": "DeleteTopic Publish SetTopicAttributes Subscribe",
        "*": "ListTopics Unsubscribe",
    },
    "sqs": {
        "{QueueName}": "CreateQueue GetQueueUrl",
        "{QueueUrl}": "DeleteQueue GetQueueAttributes SendMessage SetQueueAttributes",
    },
    "ssm": {"parameter/{Name}": "DeleteParameter GetParameter PutParameter"},
}
# Operations whose action has another name.
ACTIONS = {
    "lambda": {"Invoke": "InvokeFunction"},
    "s3": {
        "CompleteMultipartUpload": "PutObject",
        "CopyObject": "PutObject",
        "CreateMultipartUpload": "PutObject",
        "HeadBucket": "ListBucket",
        "HeadObject": "GetObject",
        "ListBuckets": "ListAllMyBuckets",
        "ListObjectVersions": "ListBucketVersions",
        "ListObjectsV2": "ListBucket",
        "PutBucketEncryption": "PutEncryptionConfiguration",
        "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
        "PutBucketNotificationConfiguration": "PutBucketNotification",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
        "UploadPart": "PutObject",
    },
}
# The action that a request with tags needs in addition, on the same resource.
TAGGING = {
    "cloudformation": "TagResource",
    "cloudwatch": "TagResource",
    "events": "TagResource",
    "firehose": "TagDeliveryStream",
    "iam": "TagRole",
    "lambda": "TagResource",
    "logs": "TagResource",
    "sagemaker": "AddTags",
    "sns": "TagResource",
    "sqs": "TagQueue",
    "ssm": "AddTagsToResource",
}
# Condition keys whose value is a member of the request.
CONTEXT = {
    "application-autoscaling": {
        "application-autoscaling:scalable-dimension": "ScalableDimension",
        "application-autoscaling:service-namespace": "ServiceNamespace",
    },
    "cloudwatch": {"cloudwatch:namespace": "Namespace"},
    "s3": {"s3:prefix": "Prefix"},
    "sagemaker": {
        "sagemaker:CustomerMetadataPropertiesToRemove": "CustomerMetadataPropertiesToRemove",
        "sagemaker:ModelApprovalStatus": "ModelApprovalStatus",
    },
}
# Operations that need no permission.
_FREE = {("sts", "GetCallerIdentity")}
_FIELD = re.compile(r"\{(\w+)\}")


class UnmappedError(LookupError):
    """An operation whose actions are not known."""


def needs_of(operation: Operation) -> list[Need]:
    """Return the permissions that a request needs.

    Raises
    ------
    UnmappedError
        If the operation is not in the table, or the request does not name its resource.
    """
    if (operation.service, operation.name) in _FREE:
        return []
    if operation.service == "apigateway":
        return list(_of_api_gateway(operation))
    found = [
        Need(_action(operation, resource), resource, _context(operation))
        for template, names in RESOURCES.get(operation.service, {}).items()
        if operation.name in names.split()
        for resource in _resources(operation, template)
    ]
    found += _OTHER.get((operation.service, operation.name), lambda _: iter(()))(operation)
    if not found:
        raise UnmappedError(
            f"Local AWS does not know which permissions {operation.service}:{operation.name} needs; "
            "local_aws/iam/actions.py lists the operations that it knows."
        )
    return [*found, *_tagging(operation, found[0].resource), *_passing(operation)]


def _action(operation: Operation, resource: str) -> str:
    name = ACTIONS.get(operation.service, {}).get(operation.name, operation.name)
    if operation.service == "s3" and "/" in resource and "VersionId" in operation.request:
        name += {"GetObject": "Version", "DeleteObject": "Version"}.get(name, "")
    return f"{_NAMESPACES.get(operation.service, operation.service)}:{name}"


def _context(operation: Operation) -> dict[str, str]:
    keys = CONTEXT.get(operation.service, {})
    found = {
        key: str(operation.request[member]) for key, member in keys.items() if member in operation.request
    }
    if operation.service == "s3":
        found["s3:ResourceAccount"] = ACCOUNT
    metadata = operation.request.get("CustomerMetadataProperties", {})
    return {**found, **{f"sagemaker:CustomerMetadataProperties/{key}": metadata[key] for key in metadata}}


def _resources(operation: Operation, template: str) -> Iterator[str]:
    """Yield the ARNs that a template stands for."""
    if template == "*":
        yield "*"
        return
    known = {"account": ACCOUNT, "region": operation.region, "service": operation.service}
    members = [name for name in _FIELD.findall(template) if name not in known]
    values = [_values(operation, member) for member in members]
    for each in itertools.product(*values):
        if each and each[0].startswith("arn:"):
            yield each[0]
            continue
        filled = template.format(**known, **dict(zip(members, each, strict=True)))
        prefix = _PREFIXES.get(operation.service, _PREFIX).format(**known)
        yield filled if filled.startswith("arn:") else prefix + filled


def _values(operation: Operation, member: str) -> list[str]:
    value = operation.request.get(member)
    if value is None:
        raise UnmappedError(
            f"A request of {operation.service}:{operation.name} without {member} does not name its resource."
        )
    if member == "QueueUrl":
        value = value.rpartition("/")[2]
    if operation.service == "ssm":
        value = value.lstrip("/")
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _tagging(operation: Operation, resource: str) -> Iterator[Need]:
    tags = operation.request.get("Tags") or operation.request.get("tags")
    if tags and operation.name != "AddTags" and operation.service in TAGGING:
        yield Need(f"{operation.service}:{TAGGING[operation.service]}", resource)


def _passing(operation: Operation) -> Iterator[Need]:
    """Yield the permission to pass a role to the service."""
    member = "Role" if operation.service == "lambda" else "RoleArn"
    for name in (member, "ExecutionRoleArn"):
        if name in operation.request:
            yield _pass_role(operation.service, str(operation.request[name]))


def _pass_role(service: str, role: str) -> Need:
    return Need("iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"})


def _of_api_gateway(operation: Operation) -> Iterator[Need]:
    """Yield the permissions of API Gateway, whose actions are HTTP methods and whose resources are paths."""
    resources = f"arn:aws:apigateway:{operation.region}::"
    yield Need(f"apigateway:{operation.method}", resources + operation.path)
    if operation.request.get("tags"):
        yield Need("apigateway:PUT", f"{resources}/tags/*")
    for patch in operation.request.get("patchOperations", []):
        if patch.get("path") == "/cloudwatchRoleArn":
            yield _pass_role("apigateway", str(patch["value"]))


def _deleted_objects(operation: Operation) -> Iterator[Need]:
    for each in operation.request["Delete"]["Objects"]:
        action = "s3:DeleteObjectVersion" if each.get("VersionId") else "s3:DeleteObject"
        resource = f"arn:aws:s3:::{operation.request['Bucket']}/{each['Key']}"
        yield Need(action, resource, {"s3:ResourceAccount": ACCOUNT})


def _copied_object(operation: Operation) -> Iterator[Need]:
    source = str(operation.request["CopySource"]).lstrip("/").partition("?")[0]
    yield Need("s3:GetObject", f"arn:aws:s3:::{source}", {"s3:ResourceAccount": ACCOUNT})


def _described_alarms(operation: Operation) -> Iterator[Need]:
    """Yield the permission on the named alarms, or on all if they are chosen in another way."""
    for name in operation.request.get("AlarmNames") or ["*"]:
        resource = f"arn:aws:cloudwatch:{operation.region}:{ACCOUNT}:alarm:{name}"
        yield Need("cloudwatch:DescribeAlarms", resource)


def _budget(operation: Operation) -> Iterator[Need]:
    """Yield the permission to create or delete a budget, which has another name than the operation."""
    name = operation.request.get("BudgetName") or operation.request["Budget"]["BudgetName"]
    resource = f"arn:aws:budgets::{ACCOUNT}:budget/{name}"
    yield Need("budgets:ModifyBudget", resource)
    if operation.request.get("ResourceTags"):
        yield Need("budgets:TagResource", resource)


def _function_code(operation: Operation) -> Iterator[Need]:
    code = operation.request.get("Code", operation.request)
    if "S3Key" in code:
        resource = f"arn:aws:s3:::{code['S3Bucket']}/{code['S3Key']}"
        yield Need("s3:GetObject", resource, {"s3:ResourceAccount": ACCOUNT})


def _stream_destination(operation: Operation) -> Iterator[Need]:
    """Yield the permission to pass the role with which a stream writes to its bucket."""
    for member in ("ExtendedS3DestinationConfiguration", "ExtendedS3DestinationUpdate"):
        if role := operation.request.get(member, {}).get("RoleARN"):
            yield _pass_role("firehose", str(role))


def _scaled_endpoint(operation: Operation) -> Iterator[Need]:
    """Yield what Application Auto Scaling does with the permissions of its caller."""
    start = f"arn:aws:{{}}:{operation.region}:{ACCOUNT}:"
    endpoint = str(operation.request["ResourceId"]).partition("/variant/")[0]
    alarms = f"{start.format('cloudwatch')}alarm:TargetTracking-{operation.request['ResourceId']}-*"
    if operation.name == "RegisterScalableTarget":
        for action in ("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"):
            yield Need(f"sagemaker:{action}", start.format("sagemaker") + endpoint)
        yield Need(
            "iam:CreateServiceLinkedRole",
            f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
            "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
            {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"},
        )
    elif operation.name == "PutScalingPolicy":
        for action in ("DescribeAlarms", "PutMetricAlarm"):
            yield Need(f"cloudwatch:{action}", alarms)
    else:
        yield Need("cloudwatch:DeleteAlarms", alarms)


def _updated_endpoint(operation: Operation) -> Iterator[Need]:
    """Yield what SageMaker does with the permissions of its caller: it looks at the rollback alarms."""
    rollback = (operation.request.get("DeploymentConfig") or {}).get("AutoRollbackConfiguration") or {}
    for alarm in rollback.get("Alarms", []):
        resource = f"arn:aws:cloudwatch:{operation.region}:{ACCOUNT}:alarm:{alarm['AlarmName']}"
        yield Need("cloudwatch:DescribeAlarms", resource)


def _deleted_endpoint(operation: Operation) -> Iterator[Need]:
    """Yield what SageMaker does with the permissions of its caller: it stops the scaling of the endpoint."""
    keys = {
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
        "application-autoscaling:service-namespace": "sagemaker",
    }
    resource = f"arn:aws:application-autoscaling:{operation.region}:{ACCOUNT}:scalable-target/*"
    yield Need("application-autoscaling:DeregisterScalableTarget", resource, keys)


# Permissions that depend on more than one member of the request.
_OTHER = {
    ("application-autoscaling", "DeregisterScalableTarget"): _scaled_endpoint,
    ("application-autoscaling", "PutScalingPolicy"): _scaled_endpoint,
    ("application-autoscaling", "RegisterScalableTarget"): _scaled_endpoint,
    ("budgets", "CreateBudget"): _budget,
    ("budgets", "DeleteBudget"): _budget,
    ("cloudwatch", "DescribeAlarms"): _described_alarms,
    ("firehose", "CreateDeliveryStream"): _stream_destination,
    ("firehose", "UpdateDestination"): _stream_destination,
    ("lambda", "CreateFunction"): _function_code,
    ("lambda", "UpdateFunctionCode"): _function_code,
    ("s3", "CopyObject"): _copied_object,
    ("s3", "DeleteObjects"): _deleted_objects,
    ("sagemaker", "DeleteEndpoint"): _deleted_endpoint,
    ("sagemaker", "UpdateEndpoint"): _updated_endpoint,
}
