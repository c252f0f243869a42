"""Local AWS with enforced permissions refuses what AWS would refuse, in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, OUT, WRITE, Cloud, eventually
from support.local_aws.functions import zipped

from local_aws.iam.actions import needs_of
from local_aws.iam.authorizer import Call
from local_aws.iam.encryption import key_needs
from local_aws.iam.operations import Operation
from local_aws.server import LocalAws

ACCOUNT = "123456789012"
CALLS: list[Call] = []


@pytest.fixture(scope="module")
def enforcing() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True, on_call=CALLS.append) as aws:
        yield aws


@pytest.fixture
def cloud(enforcing: LocalAws) -> Iterator[Cloud]:
    """Clients of the root user, whom nothing restricts."""
    enforcing.reset()
    CALLS.clear()
    made = Cloud(enforcing)
    made.make_bucket()
    yield made
    made.close()


class User:
    """A user with one policy."""

    def __init__(self, cloud: Cloud, *allowed: tuple[str, str]) -> None:
        self._aws = cloud.aws
        cloud.iam.create_user(UserName="ann")
        cloud.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(*allowed))
        self._key = cloud.iam.create_access_key(UserName="ann")["AccessKey"]

    def client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._aws.url,
            region_name=self._aws.region,
            aws_access_key_id=self._key["AccessKeyId"],
            aws_secret_access_key=self._key["SecretAccessKey"],
        )


def document(*allowed: tuple[str, str]) -> str:
    """Return a policy that allows actions, each on a resource."""
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def make_role(cloud: Cloud, service: str, *allowed: tuple[str, str]) -> str:
    """Create a role that a service can assume, and return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = cloud.iam.create_role(RoleName="r", AssumeRolePolicyDocument=text)["Role"]
    if allowed:
        cloud.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(*allowed))
    return str(role["Arn"])


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    """Return status, code and message of an error."""
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_a_user_can_only_do_what_its_policies_allow(cloud: Cloud) -> None:
    cloud.put("k", "x")
    user = User(cloud, ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/k"))

    assert user.client("s3").get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"
    with pytest.raises(ClientError) as storage:
        user.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"y")
    with pytest.raises(ClientError) as sagemaker:
        user.client("sagemaker").delete_endpoint(EndpointName="e")

    assert refused(storage) == (
        403,
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: s3:PutObject on resource: "
        f"arn:aws:s3:::{BUCKET}/k because no identity-based policy allows the s3:PutObject action",
    )
    assert refused(sagemaker) == (
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: sagemaker:DeleteEndpoint on "
        f"resource: arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/e because no identity-based policy allows "
        "the sagemaker:DeleteEndpoint action",
    )
    # Both are recorded, and so is the call that is allowed.
    needed = [(call.need.action, call.decision.allowed) for call in CALLS]
    assert needed[:3] == [
        ("s3:GetObject", True),
        ("s3:PutObject", False),
        ("sagemaker:DeleteEndpoint", False),
    ]


def test_a_bucket_policy_denies_a_user_whose_own_policy_allows(cloud: Cloud) -> None:
    user = User(cloud, ("s3:*", "*"))
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/k"}
    plain_http = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    for conditions in (plain_http, {}):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**denial, **conditions}]})
        cloud.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        if conditions:  # loopback counts as TLS
            user.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"y")
    with pytest.raises(ClientError, match="with an explicit deny in a resource-based policy"):
        user.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"y")


def test_a_key_that_was_never_issued_is_invalid(cloud: Cloud) -> None:
    stranger = boto3.client(
        "sts",
        endpoint_url=cloud.aws.url,
        region_name=cloud.aws.region,
        aws_access_key_id="AKIASTRANGER",
        aws_secret_access_key="x",
    )
    with pytest.raises(ClientError) as error:
        stranger.get_caller_identity()
    assert refused(error)[:2] == (403, "InvalidClientTokenId")


def test_an_operation_whose_permissions_are_unknown_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="which permissions iam:ListUsers needs"):
        User(cloud, ("*", "*")).client("iam").list_users()


def job(role: str, uri: str) -> dict[str, Any]:
    """Return the request of a job that runs a script and uploads what it writes."""
    script = {
        "S3Uri": uri,
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    output = {"S3Uri": f"s3://{BUCKET}/out", "LocalPath": OUT, "S3UploadMode": "EndOfJob"}
    command = ["python3", "/opt/ml/processing/input/code/run.py", OUT, "result"]
    return {
        "ProcessingJobName": "j",
        "RoleArn": role,
        "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": command},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "NetworkConfig": {"EnableNetworkIsolation": True},
        "ProcessingInputs": [{"InputName": "code", "S3Input": script}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }


def ended(cloud: Cloud) -> dict[str, Any]:
    """Wait for the job to end and return its description."""

    def description() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_processing_job(ProcessingJobName="j")
        return found if found["ProcessingJobStatus"] in {"Completed", "Failed"} else None

    return eventually(description)


@pytest.mark.parametrize("can_write", [True, False])
def test_a_job_has_the_permissions_of_its_role(cloud: Cloud, can_write: bool) -> None:
    uri = cloud.put_script("script", WRITE)
    files = f"arn:aws:s3:::{BUCKET}/*"
    allowed = [("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"), ("s3:GetObject", files), ("logs:*", "*")]
    role = make_role(cloud, "sagemaker.amazonaws.com", *allowed, *[("s3:PutObject", files)] * can_write)

    cloud.sagemaker.create_processing_job(**job(role, uri))

    found = ended(cloud)
    if can_write:
        assert (found["ProcessingJobStatus"], cloud.get("out/result.json")) == ("Completed", b"result")
    else:
        assert (
            f"assumed-role/r/sagemaker is not authorized to perform: s3:PutObject on resource: {files[:-1]}"
            in (found["FailureReason"])
        )


def test_a_role_must_trust_the_service_that_assumes_it(cloud: Cloud) -> None:
    role = make_role(cloud, "lambda.amazonaws.com", ("*", "*"))
    for unusable in (role, f"arn:aws:iam::{ACCOUNT}:role/absent"):
        with pytest.raises(ClientError) as error:
            cloud.sagemaker.create_processing_job(**job(unusable, f"s3://{BUCKET}/code"))
        assert refused(error) == (
            400,
            "ValidationException",
            f"Could not assume role {unusable}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role.",
        )


def test_a_role_of_another_account_cannot_be_passed(cloud: Cloud) -> None:
    foreign = "arn:aws:iam::210987654321:role/r"
    with pytest.raises(ClientError, match=f"Cross-account pass role is not allowed: {foreign}"):
        cloud.sagemaker.create_processing_job(**job(foreign, f"s3://{BUCKET}/code"))


def test_an_execution_whose_role_has_lost_its_trust_fails(cloud: Cloud) -> None:
    role = make_role(cloud, "sagemaker.amazonaws.com")
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "reached"}}
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    cloud.sagemaker.create_pipeline(PipelineName="p", PipelineDefinition=definition, RoleArn=role)
    cloud.iam.delete_role(RoleName="r")

    execution = cloud.sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]

    found = cloud.finish(execution)
    assert found["PipelineExecutionStatus"] == "Failed"
    assert found["FailureReason"].startswith(f"Could not assume role {role}.")


def test_passing_a_role_needs_permission(cloud: Cloud) -> None:
    role = make_role(cloud, "sagemaker.amazonaws.com")
    user = User(cloud, ("sagemaker:CreateProcessingJob", "*"))
    with pytest.raises(
        ClientError, match=f"not authorized to perform: iam:PassRole on resource: {role} because"
    ):
        user.client("sagemaker").create_processing_job(**job(role, f"s3://{BUCKET}/code"))


WHOAMI = """
import boto3

def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


def make_function(cloud: Cloud, role: str) -> str:
    """Create a function that returns its own identity, and return its ARN."""
    code = {"ZipFile": zipped({"whoami.py": WHOAMI})}
    functions = getattr(cloud, "lambda")
    made = functions.create_function(
        FunctionName="f", Runtime="python3.13", Role=role, Handler="whoami.handler", Code=code, Timeout=30
    )
    return str(made["FunctionArn"])


def test_a_function_has_the_permissions_of_its_role(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="The role defined for the function cannot be assumed by Lambda"):
        make_function(cloud, f"arn:aws:iam::{ACCOUNT}:role/absent")
    make_function(cloud, make_role(cloud, "lambda.amazonaws.com", ("logs:*", "*")))

    answer = getattr(cloud, "lambda").invoke(FunctionName="f")

    assert json.loads(answer["Payload"].read()) == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/lambda"


def test_an_event_reaches_a_target_whose_policy_allows_the_rule(cloud: Cloud) -> None:
    urls = {name: cloud.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("open", "closed")}
    arns = {name: f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}" for name in urls}
    rule = cloud.events.put_rule(Name="rule", EventPattern='{"source": ["test"]}')["RuleArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arns["open"],
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    cloud.sqs.set_queue_attributes(QueueUrl=urls["open"], Attributes={"Policy": policy})
    targets = [{"Id": name, "Arn": arn} for name, arn in arns.items()]
    cloud.events.put_targets(Rule="rule", Targets=targets)

    cloud.events.put_events(Entries=[{"Source": "test", "DetailType": "t", "Detail": "{}"}])

    eventually(lambda: cloud.sqs.receive_message(QueueUrl=urls["open"]).get("Messages"))
    closed = eventually(lambda: [call for call in CALLS if call.need.resource == arns["closed"]])
    assert not any(call.decision.allowed for call in closed)


def test_cloudformation_acts_with_the_permissions_of_its_caller(cloud: Cloud) -> None:
    template = json.dumps(
        {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made"}}}}
    )
    stacks = "arn:aws:cloudformation:*:*:stack/*"
    user = User(cloud, ("cloudformation:*ChangeSet", stacks), ("cloudformation:DescribeStack*", stacks))
    formation = user.client("cloudformation")
    formation.create_change_set(
        StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=template
    )
    formation.execute_change_set(StackName="s", ChangeSetName="c")

    def reason() -> str | None:
        events = formation.describe_stack_events(StackName="s")["StackEvents"]
        return next(
            (e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"), None
        )

    assert (
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: sqs:CreateQueue"
        in eventually(reason)
    )


def test_an_encrypted_object_needs_permissions_on_its_key(cloud: Cloud) -> None:
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    cloud.put("earlier", "x")
    cloud.s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [default]})
    cloud.put("k", "x")
    objects = f"arn:aws:s3:::{BUCKET}/*"
    user = User(cloud, ("s3:GetObject", objects), ("s3:PutObject", objects))
    s3 = user.client("s3")

    with pytest.raises(ClientError, match=f"perform: kms:Decrypt on resource: {key} because"):
        s3.get_object(Bucket=BUCKET, Key="k")
    with pytest.raises(ClientError, match=f"perform: kms:GenerateDataKey on resource: {key} because"):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"y")
    # Objects keep the encryption with which they were written, and metadata is not encrypted.
    assert s3.get_object(Bucket=BUCKET, Key="earlier")["Body"].read() == b"x"
    assert s3.head_object(Bucket=BUCKET, Key="k")["ContentLength"] == 1
    needed = [call for call in CALLS if call.need.action.startswith("kms:")]
    assert {call.need.context["kms:ViaService"] for call in needed} == {"s3.eu-west-1.amazonaws.com"}


@pytest.mark.parametrize(
    ("operation", "actions"),
    [
        ("CreateMultipartUpload", {"kms:GenerateDataKey"}),
        ("UploadPart", {"kms:Decrypt"}),
        ("CompleteMultipartUpload", {"kms:Decrypt"}),
        ("CopyObject", {"kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)
def test_uploads_in_parts_and_copies_need_the_key(operation: str, actions: set[str]) -> None:
    request = {"Bucket": "b", "Key": "k", "CopySource": "b/source"}
    made = Operation("s3", operation, "eu-west-1", request)
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
    needs = list(key_needs(made, needs_of(made), lambda _arn, _is_written: key))
    assert {need.action for need in needs} == actions
    assert {need.resource for need in needs} == {key}
