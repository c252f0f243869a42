"""The resources of `make check-aws`: their fixed names, how they are made and how they are removed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local_aws.cloudformation.template import Scope, Template
from pipeline.jobs import image_account
from scripts.aws.failures import is_gone, unless_gone
from scripts.aws.files import remove_below
from scripts.aws.session import Aws
from scripts.aws.stacks import Stack
from scripts.deploy.outputs import camel_case
from scripts.deploy.packaging import FUNCTIONS
from scripts.deploy.template import read_template
from scripts.errors import UsageError

# All names begin with it, so that a later run finds what an interrupted one has left.
NAME = "bankruptcy-check"
WHOLE, OWN, UPDATED = f"{NAME}-whole", f"{NAME}-own", f"{NAME}-updated"
# The updated endpoint has a second configuration.
GENERATIONS = (WHOLE, OWN, UPDATED, f"{UPDATED}-2")
ENDPOINT_ROLE, READER, READER_WITHOUT_LIST = (f"{NAME}-{role}" for role in ("endpoint", "reader", "no-list"))
_IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
_REMOVAL_SECONDS = 3600
# New roles are not known everywhere at once.
_PROPAGATION_SECONDS = 20


def create_bucket_and_roles(aws: Aws) -> None:
    """Create the bucket, and roles with the permissions of ours."""
    region = aws.project.region
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    aws.client("s3").create_bucket(Bucket=aws.project.bucket, **place)
    reading = _permissions(aws, "PredictRole")
    without_list = [statement for statement in reading if statement["Sid"] != "ListChampion"]
    caller = {"AWS": f"arn:aws:iam::{aws.project.account}:root"}
    _create_role(
        aws, ENDPOINT_ROLE, {"Service": "sagemaker.amazonaws.com"}, _permissions(aws, "EndpointRole")
    )
    _create_role(aws, READER, caller, reading)
    _create_role(aws, READER_WITHOUT_LIST, caller, without_list)
    if not aws.is_local:
        time.sleep(_PROPAGATION_SECONDS)


def role_arn(aws: Aws, name: str) -> str:
    """Return the ARN of one of the roles."""
    return f"arn:aws:iam::{aws.project.account}:role/{name}"


def _permissions(aws: Aws, role: str) -> list[Mapping[str, Any]]:
    """Return the statements of a role in the template, as they are for a project of this name."""
    template = Template(read_template("service.yaml"))
    code = {f"{camel_case(name)}CodeKey": f"code/{'0' * 64}/{name}.zip" for name in FUNCTIONS}
    image = {"ImageAccount": image_account(aws.project.region)}
    values = template.resolve_parameters({"ProjectName": NAME, **code, **image})
    pseudo = {
        "AWS::AccountId": aws.project.account,
        "AWS::Region": aws.project.region,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    logs = f"arn:aws:logs:{aws.project.region}:{aws.project.account}:log-group:/aws/lambda/{NAME}:*"
    scope = Scope(template, {**values, **pseudo}, lambda _name, _attribute: logs)
    properties = scope.resolve(template.resources[role]["Properties"])
    return list(properties["Policies"][0]["PolicyDocument"]["Statement"])


def _create_role(
    aws: Aws, name: str, trusted: Mapping[str, str], statements: Iterable[Mapping[str, Any]]
) -> None:
    iam = aws.client("iam")
    trust = [{"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="check", PolicyDocument=_document(statements))


def _document(statements: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def wait_for_endpoint(aws: Aws, name: str) -> dict[str, Any] | None:
    """Wait until nothing is in progress; return the endpoint's description, or None if it is gone.

    Raises
    ------
    TimeoutError
        After an hour.
    """
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while time.monotonic() < deadline:
        found: dict[str, Any] | None = unless_gone(
            aws.client("sagemaker").describe_endpoint, EndpointName=name
        )
        if found is None or found["EndpointStatus"] not in _IN_PROGRESS:
            return found
        time.sleep(aws.poll_seconds)
    raise TimeoutError(f"The endpoint {name} is still {found['EndpointStatus']}.")


def remove_all(aws: Aws) -> None:
    """Remove everything with these names; what does not exist is skipped.

    Raises
    ------
    UsageError
        If the service is deployed under this name: its bucket has the same name.
    """
    if Stack(aws, aws.project.storage_stack).describe() is not None:
        raise UsageError(
            f"The project {NAME} is deployed in account {aws.project.account}, {aws.project.region}. This "
            f"command would remove its bucket.",
            "Use another region or account.",
        )
    sagemaker = aws.client("sagemaker")
    for name in GENERATIONS:
        if wait_for_endpoint(aws, name) is not None:
            sagemaker.delete_endpoint(EndpointName=name)
            wait_for_endpoint(aws, name)
        unless_gone(sagemaker.delete_endpoint_config, EndpointConfigName=name)
        unless_gone(sagemaker.delete_model, ModelName=name)
        unless_gone(aws.client("logs").delete_log_group, logGroupName=f"/aws/sagemaker/Endpoints/{name}")
    unless_gone(sagemaker.delete_pipeline, PipelineName=NAME)
    listed = unless_gone(sagemaker.list_model_packages, ModelPackageGroupName=NAME) or {}
    for package in listed.get("ModelPackageSummaryList", []):
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    unless_gone(sagemaker.delete_model_package_group, ModelPackageGroupName=NAME)
    _remove_events(aws)
    for role in (ENDPOINT_ROLE, READER, READER_WITHOUT_LIST):
        unless_gone(aws.client("iam").delete_role_policy, RoleName=role, PolicyName="check")
        unless_gone(aws.client("iam").delete_role, RoleName=role)
    if unless_gone(aws.client("s3").head_bucket, Bucket=aws.project.bucket):
        remove_below(aws, "")
        aws.client("s3").delete_bucket(Bucket=aws.project.bucket)


def _remove_events(aws: Aws) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    unless_gone(events.remove_targets, Rule=NAME, Ids=[NAME])
    unless_gone(events.delete_rule, Name=NAME)
    aws.client("cloudwatch").delete_alarms(AlarmNames=[NAME])
    try:
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=NAME)["QueueUrl"])
    except ClientError as error:
        if not is_gone(error) and "NonExistentQueue" not in error.response["Error"]["Code"]:
            raise
