"""Local AWS rejects invalid requests, foreign callers and unsupported actions."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.local_aws.cloud import Cloud

from local_aws.base.validation import compiled, service_model
from local_aws.server import LocalAws, PortInUseError


@pytest.fixture
def unchecked(cloud: Cloud) -> Any:
    """Return a SageMaker client without client-side validation."""
    return boto3.client(
        "sagemaker",
        endpoint_url=cloud.aws.url,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(parameter_validation=False),
    )


@pytest.mark.parametrize(
    ("action", "request_", "message"),
    [
        (
            "create_model_package_group",
            {"ModelPackageGroupName": "with_underscore"},
            "Value 'with_underscore' at 'modelPackageGroupName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ",
        ),
        (
            "create_model_package",
            {"ModelApprovalStatus": "Yes"},
            "Value 'Yes' at 'modelApprovalStatus' failed to satisfy constraint: Member must satisfy "
            "enum value set: [Approved, Rejected, PendingManualApproval]",
        ),
        (
            "create_model_package",
            {"CustomerMetadataProperties": {"note": "one, two"}},
            "Value 'one, two' at 'customerMetadataProperties.note.value' failed to satisfy constraint",
        ),
        (
            "create_pipeline",
            {"PipelineName": "p" * 257, "RoleArn": "arn:aws:iam::123456789012:role/r"},
            "Member must have length less than or equal to 256",
        ),
        ("create_endpoint", {"EndpointName": "e"}, "Value 'null' at 'endpointConfigName'"),
        (
            "create_endpoint",
            {"EndpointName": 3},
            "Value '3' at 'endpointName' failed to satisfy constraint: ",
        ),
    ],
)
def test_requests_are_checked_against_the_service_model(
    unchecked: Any, action: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(unchecked, action)(**request_)
    error = caught.value.response
    assert error["Error"]["Code"] == "ValidationException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert message in error["Error"]["Message"]


def test_metadata_can_contain_non_ascii_text(cloud: Cloud) -> None:
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="group")
    arn = cloud.sagemaker.create_model_package(
        ModelPackageGroupName="group", CustomerMetadataProperties={"note": "s3://x/é ÿ 台灣"}
    )["ModelPackageArn"]
    described = cloud.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"note": "s3://x/é ÿ 台灣"}


def test_every_pattern_of_the_service_model_compiles() -> None:
    model = service_model("sagemaker")
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names} - {None}
    assert len(patterns) > 200
    for pattern in patterns:
        compiled(pattern)


@pytest.mark.parametrize(
    ("service", "call", "arguments", "named"),
    [
        ("sagemaker", "list_associations", {}, "ListAssociations"),
        (
            "iam",
            "simulate_principal_policy",
            {"PolicySourceArn": "arn:aws:iam::123456789012:role/role", "ActionNames": ["s3:GetObject"]},
            "SimulatePrincipalPolicy",
        ),
    ],
)
def test_a_missing_action_is_named(
    cloud: Cloud, service: str, call: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(getattr(cloud, service), call)(**arguments)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert f"Local AWS does not implement {service}: {named}" in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_foreign_hosts_and_origins_are_rejected(local_aws: LocalAws, headers: dict[str, str]) -> None:
    request = urllib.request.Request(local_aws.url, headers=headers)  # noqa: S310 - our own address
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)  # noqa: S310
    assert caught.value.code == 403
    assert json.loads(caught.value.read())["__type"] == "AccessDeniedException"
    caught.value.close()


@pytest.mark.parametrize("host", ["a1b2c3.execute-api.localhost", "A1B2C3.Execute-API.localhost:4566"])
def test_the_host_of_an_api_is_dispatched_to_the_gateway(local_aws: LocalAws, host: str) -> None:
    request = urllib.request.Request(f"{local_aws.url}/prod/health", headers={"Host": host})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)  # noqa: S310
    # The gateway answers this for an unknown API.
    assert caught.value.code == 403
    assert json.loads(caught.value.read()) == {"message": "Forbidden"}
    caught.value.close()


def test_a_port_in_use_is_reported(local_aws: LocalAws, tmp_path: Path) -> None:
    port = int(local_aws.url.rsplit(":", 1)[1])
    with pytest.raises(PortInUseError, match=f"Port {port} on 127.0.0.1 is not free"):
        LocalAws(port, root=tmp_path).start()


def test_the_environment_points_clients_at_local_aws(local_aws: LocalAws) -> None:
    assert local_aws.environment() == {
        "AWS_ENDPOINT_URL": local_aws.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
    }
