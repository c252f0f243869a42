"""Endpoints of local AWS: status, updates and failures, with real containers, through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.answering import ENVIRONMENT, configure, configure_answer, invoke, put_model, settled
from support.local_aws.cloud import Cloud, eventually


def test_an_endpoint_is_created_updated_and_deleted(cloud: Cloud) -> None:
    # GIVEN two configurations
    configure_answer(cloud, "one")
    configure_answer(cloud, "two")
    # WHEN an endpoint is created, it is Creating until the model answers
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    assert cloud.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="two")
    with pytest.raises(ClientError, match="Cannot delete in-progress endpoint"):
        cloud.sagemaker.delete_endpoint(EndpointName="e")
    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    assert settled(cloud)["EndpointStatus"] == "InService"
    assert invoke(cloud)["answer"] == "one"
    # WHEN it is updated, it is Updating and serves the old model until the new one answers
    cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="two")
    during = cloud.sagemaker.describe_endpoint(EndpointName="e")
    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == "one"
    assert invoke(cloud)["answer"] in {"one", "two"}
    after = settled(cloud)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "two")
    assert invoke(cloud)["answer"] == "two"
    # WHEN it is deleted, it no longer exists
    cloud.sagemaker.delete_endpoint(EndpointName="e")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        cloud.sagemaker.describe_endpoint(EndpointName="e")
    with pytest.raises(ClientError, match="Endpoint e of account 123456789012 not found"):
        invoke(cloud)


def test_the_runtime_api_refuses_what_the_endpoint_does_not_have(cloud: Cloud) -> None:
    configure_answer(cloud, "one")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    assert settled(cloud)["EndpointStatus"] == "InService"
    runtime, request = cloud.sagemaker_runtime, {"EndpointName": "e", "Body": b"{}"}

    assert runtime.invoke_endpoint(**request, TargetVariant="AllTraffic")["ResponseMetadata"]
    with pytest.raises(ClientError, match="has no variant no-such; it has AllTraffic") as caught:
        runtime.invoke_endpoint(**request, TargetVariant="no-such")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    for member, value in {"TargetModel": "m.tar.gz", "SessionId": "NEW_SESSION"}.items():
        with pytest.raises(ClientError, match=f"does not implement {member} of InvokeEndpoint"):
            runtime.invoke_endpoint(**request, **{member: value})
    with pytest.raises(ClientError, match="does not implement InvokeEndpointAsync"):
        runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://bucket/key")
    with pytest.raises(ClientError, match="does not implement InvokeEndpointWithResponseStream"):
        runtime.invoke_endpoint_with_response_stream(**request)


def test_a_failed_update_keeps_the_old_model_in_service(cloud: Cloud) -> None:
    configure_answer(cloud, "one")
    configure_answer(cloud, "broken")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    settled(cloud)
    cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="broken")
    after = settled(cloud)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "one")
    assert after["FailureReason"]
    assert invoke(cloud)["answer"] == "one"


def test_an_endpoint_that_failed_gives_its_reason_and_can_only_be_deleted(cloud: Cloud) -> None:
    url = "s3://local-tests/nothing/model.tar.gz"
    configure(cloud, "none", {"Image": "image", "ModelDataUrl": url, "Environment": ENVIRONMENT})
    configure_answer(cloud, "one")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="none")
    failed = settled(cloud)
    assert failed["EndpointStatus"] == "Failed"
    assert url in failed["FailureReason"]
    with pytest.raises(ClientError, match="delete the endpoint and create it again"):
        cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="one")
    cloud.sagemaker.delete_endpoint(EndpointName="e")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    assert settled(cloud)["EndpointStatus"] == "InService"


def test_an_endpoint_uses_archive_and_environment_of_its_model_package(cloud: Cloud) -> None:
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="group")
    container = {"Image": "image", "ModelDataUrl": put_model(cloud, "packed"), "Environment": ENVIRONMENT}
    arn = cloud.sagemaker.create_model_package(
        ModelPackageGroupName="group",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    configure(cloud, "m", {"ModelPackageName": arn})
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="m")
    settled(cloud)
    assert invoke(cloud)["answer"] == "packed"
    # WHEN the model has an environment of its own, it replaces the package's
    configure(cloud, "n", {"ModelPackageName": arn, "Environment": {"MODEL_PACKAGE_VERSION": "1"}})
    cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="n")
    assert "has no SAGEMAKER_PROGRAM in its Environment" in settled(cloud)["FailureReason"]
    # THEN a model needs the whole environment
    configure(
        cloud, "o", {"ModelPackageName": arn, "Environment": {**ENVIRONMENT, "MODEL_PACKAGE_VERSION": "1"}}
    )
    cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="o")
    settled(cloud)
    assert invoke(cloud) == {"answer": "packed", "version": "1"}


def test_a_model_package_without_a_container_fails_the_endpoint(cloud: Cloud) -> None:
    package = cloud.sagemaker.create_model_package(ModelPackageName="empty")["ModelPackageArn"]
    configure(cloud, "empty", {"ModelPackageName": package})
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="empty")
    described = settled(cloud)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == "Model package empty has no container to serve."


def test_unknown_names_are_rejected(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint configuration") as caught:
        cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="none")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="Could not find endpoint") as caught:
        cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="none")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="Could not find endpoint"):
        cloud.sagemaker.delete_endpoint(EndpointName="e")


def test_an_endpoint_emits_an_event_for_each_status(cloud: Cloud) -> None:
    # GIVEN a queue for endpoint events
    queue = cloud.sqs.create_queue(QueueName="states")["QueueUrl"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]}
    cloud.events.put_rule(Name="rule", EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{cloud.aws.region}:123456789012:states"
    cloud.events.put_targets(Rule="rule", Targets=[{"Id": "queue", "Arn": arn}])
    # WHEN an endpoint is created and deleted
    configure_answer(cloud, "one")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    settled(cloud)
    cloud.sagemaker.delete_endpoint(EndpointName="e")
    # THEN each status was sent as an event
    seen: list[dict[str, Any]] = []

    def look() -> bool:
        received = cloud.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        seen.extend(json.loads(each["Body"])["detail"] for each in received.get("Messages", []))
        return len(seen) >= 3

    eventually(look)
    assert {each["EndpointStatus"] for each in seen} == {"CREATING", "IN_SERVICE", "DELETING"}
    assert {each["EndpointConfigName"] for each in seen} == {"one"}


def test_a_scaled_endpoint_is_updated_and_deleted_as_on_aws(cloud: Cloud) -> None:
    # GIVEN an endpoint that is registered for scaling
    configure_answer(cloud, "scaled")
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="scaled")
    settled(cloud)
    autoscaling = getattr(cloud, "application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    # WHEN its instance type is changed, THEN the update is rejected while it is registered
    variant = {"VariantName": "AllTraffic", "ModelName": "scaled", "InitialInstanceCount": 1}
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName="larger", ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
    )
    with pytest.raises(ClientError, match="must be deregistered as scalable targets"):
        cloud.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="larger")
    # WHEN it is deleted, THEN it is no longer registered
    cloud.sagemaker.delete_endpoint(EndpointName="e")
    assert autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        autoscaling.deregister_scalable_target(**target)
