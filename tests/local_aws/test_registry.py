"""The model registry of local AWS, through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, Cloud

SPECIFICATION = {
    "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
}
CARD = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}


@pytest.fixture
def registry(cloud: Cloud) -> Any:
    cloud.sagemaker.create_model_package_group(
        ModelPackageGroupName="group", Tags=[{"Key": "team", "Value": "risk"}]
    )
    return cloud.sagemaker


def register(registry: Any, **more: Any) -> str:
    answer = registry.create_model_package(
        ModelPackageGroupName="group", InferenceSpecification=SPECIFICATION, **more
    )
    return str(answer["ModelPackageArn"])


def test_a_package_waits_for_approval_and_keeps_all_its_members(registry: Any) -> None:
    arn = register(registry, CustomerMetadataProperties={"a": "1"}, ModelCard=CARD, SourceUri="s3://x/y")
    package = registry.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["CustomerMetadataProperties"] == {"a": "1"}
    assert package["ModelCard"] == CARD
    assert package["SourceUri"] == "s3://x/y"
    assert package["ModelPackageVersion"] == 1
    assert package["InferenceSpecification"] == SPECIFICATION


def test_a_repeated_request_registers_one_package(registry: Any) -> None:
    first = register(registry, ClientToken="once")
    assert register(registry, ClientToken="once") == first
    assert register(registry, ClientToken="another") != first


def test_an_update_changes_only_the_given_members(registry: Any) -> None:
    arn = register(registry, CustomerMetadataProperties={"a": "1", "b": "2"}, ModelCard=CARD)
    registry.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    registry.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"b": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    package = registry.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == "good"
    assert package["CustomerMetadataProperties"] == {"b": "3"}
    assert package["ModelCard"] == CARD


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "the content is not JSON"),
        ({"model_overview": {"model_name": "x"}}, r"\$\.model_overview: .*'model_name' was unexpected"),
        ({"intended_uses": {"risk_rating": "Severe"}}, "is not one of .'High', 'Medium', 'Low', 'Unknown'"),
        (
            {"training_details": {"training_observations": "x" * 1025}},
            "training_observations: .* is too long",
        ),
        ({"evaluation_details": [{"datasets": ["a"]}]}, r"evaluation_details\[0\]: 'name' is a required"),
        (
            {"additional_information": {"custom_details": {"a": 1}}},
            "custom_details.a: 1 is not of type 'string'",
        ),
        ([], "is not of type 'object'"),
    ],
)
def test_a_card_that_violates_its_schema_is_rejected(registry: Any, content: Any, problem: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(ClientError, match=problem) as rejected:
        register(registry, ModelCard={"ModelCardContent": text, "ModelCardStatus": "Draft"})
    assert rejected.value.response["Error"]["Code"] == "ValidationException"


def test_packages_are_listed_by_approval_and_age(registry: Any) -> None:
    arns = [register(registry) for _ in range(3)]
    registry.update_model_package(ModelPackageArn=arns[0], ModelApprovalStatus="Approved")
    registry.update_model_package(ModelPackageArn=arns[2], ModelApprovalStatus="Approved")
    listed = registry.list_model_packages(
        ModelPackageGroupName="group",
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
    )["ModelPackageSummaryList"]
    assert [each["ModelPackageVersion"] for each in listed] == [3, 1]


def test_version_numbers_are_never_reused(registry: Any) -> None:
    first, second = register(registry), register(registry)
    registry.delete_model_package(ModelPackageName=second)
    third = register(registry)
    registry.delete_model_package(ModelPackageName=first)
    fourth = register(registry)
    assert [arn.rsplit("/", 1)[-1] for arn in (first, second, third, fourth)] == ["1", "2", "3", "4"]
    assert registry.describe_model_package(ModelPackageName=third)["ModelPackageVersion"] == 3
    with pytest.raises(ClientError, match="does not exist"):
        registry.describe_model_package(ModelPackageName=second)


def test_group_names_are_unique_and_only_empty_groups_are_deleted(registry: Any) -> None:
    with pytest.raises(ClientError, match="Model Package Group already exists"):
        registry.create_model_package_group(ModelPackageGroupName="group")
    arn = register(registry)
    with pytest.raises(ClientError, match="still holds model packages"):
        registry.delete_model_package_group(ModelPackageGroupName="group")
    registry.delete_model_package(ModelPackageName=arn)
    registry.delete_model_package_group(ModelPackageGroupName="group")
    with pytest.raises(ClientError, match="does not exist"):
        registry.describe_model_package_group(ModelPackageGroupName="group")


def test_groups_and_versions_have_tags(registry: Any) -> None:
    group = registry.describe_model_package_group(ModelPackageGroupName="group")["ModelPackageGroupArn"]
    assert registry.list_tags(ResourceArn=group)["Tags"] == [{"Key": "team", "Value": "risk"}]
    arn = register(registry)
    registry.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
    registry.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}])
    registry.delete_tags(ResourceArn=arn, TagKeys=["b"])
    assert registry.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]


def test_model_names_are_unique_and_packages_must_be_approved(registry: Any) -> None:
    role = "arn:aws:iam::123456789012:role/endpoint"
    container = {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    registry.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        registry.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
    missing = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/group/9"
    with pytest.raises(ClientError) as caught:
        registry.create_model(
            ModelName="n", PrimaryContainer={"ModelPackageName": missing}, ExecutionRoleArn=role
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    waiting = {"ModelPackageName": register(registry)}
    with pytest.raises(ClientError, match="only an approved version can be deployed"):
        registry.create_model(ModelName="n", PrimaryContainer=waiting, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.t2.medium"}
    variant["InitialInstanceCount"] = 1  # type: ignore[assignment]
    registry.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        registry.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
