"""What deploy_model does in each situation: deploy, update, delete, wait, or nothing."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from support.deploy_model.aws import Aws, settings
from support.deploy_model.services import error


def test_nothing_is_done_without_an_approved_package(aws: Aws) -> None:
    aws.register("PendingManualApproval")
    assert aws.reconciler().step() == {
        "action": "none",
        "reason": "There is no approved package to deploy.",
    }
    assert aws.endpoint is None


def test_first_deployment_takes_three_calls(aws: Aws) -> None:
    # GIVEN an approved package
    aws.register()
    reconciler = aws.reconciler()
    config = settings().name_for(1)
    # WHEN the function is called: the endpoint is created
    assert reconciler.step() == {"action": "create_endpoint", "version": "1", "config": config}
    # AND while it is being created, nothing happens
    assert reconciler.step() == {"action": "wait", "reason": "The endpoint is Creating."}
    # AND once it is in service, it is tested and published
    aws.settle()
    assert aws.published() is None
    assert reconciler.step() == {"action": "publish", "version": "1", "config": config}
    # THEN the deployment is done
    assert reconciler.step() == {"action": "none", "version": "1", "config": config}
    assert aws.serving() == "1"
    assert aws.objects["champion/model.tar.gz"] == b"model 1"
    published = aws.published()
    assert published is not None
    assert published["version"] == "1"
    assert published["model_package_arn"] == aws.packages["1"]["ModelPackageArn"]
    assert published["contract"] == f"{1:016x}"


def test_the_created_resources(aws: Aws) -> None:
    aws.register()
    aws.reconciler().step()
    name = settings().name_for(1)
    assert name.startswith("bankruptcy-v1-")
    tags = [
        {"Key": "Project", "Value": "bankruptcy"},
        {"Key": "ManagedBy", "Value": "deploy_model"},
        {"Key": "ModelPackageVersion", "Value": "1"},
    ]
    assert aws.models[name] == {
        "ModelName": name,
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/endpoint",
        # The environment is whole: it is not documented whether AWS adds the package's own.
        "PrimaryContainer": {
            "ModelPackageName": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/bankruptcy/1",
            "Environment": {"SAGEMAKER_PROGRAM": "serve.py", "MODEL_PACKAGE_VERSION": "1"},
        },
        "EnableNetworkIsolation": True,
        "Tags": tags,
    }
    assert aws.configs[name] == {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InstanceType": "ml.t2.medium",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0,
                "ContainerStartupHealthCheckTimeoutInSeconds": 180,
            }
        ],
        "Tags": tags,
    }
    assert aws.tags["Project"] == "bankruptcy"


def test_a_serverless_endpoint_has_no_network_isolation_and_another_name(aws: Aws) -> None:
    aws.register()
    serverless = settings(mode="serverless")
    aws.run(aws.reconciler(serverless))
    name = serverless.name_for(1)
    assert name != settings().name_for(1)
    assert aws.models[name]["EnableNetworkIsolation"] is False
    assert aws.configs[name]["ProductionVariants"][0]["ServerlessConfig"] == {
        "MemorySizeInMB": 2048,
        "MaxConcurrency": 5,
    }


def test_a_newer_approved_version_updates_the_endpoint(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    step = reconciler.step()
    assert step == {
        "action": "update_endpoint",
        "version": "2",
        "config": settings().name_for(2),
        "from": settings().name_for(1),
    }
    # The old model is the champion until the update has finished.
    assert aws.serving() == "1"
    assert aws.published()["version"] == "1"  # type: ignore[index]
    aws.settle()
    aws.run(reconciler)
    assert aws.serving() == "2"
    assert aws.published()["version"] == "2"  # type: ignore[index]


def test_rejecting_the_champion_deploys_the_newest_approved_version(aws: Aws) -> None:
    reconciler = aws.reconciler()
    for _ in range(2):
        aws.register()
        aws.run(reconciler)
    aws.decide("2", "Rejected")
    aws.run(reconciler)
    assert aws.serving() == "1"
    assert aws.published()["version"] == "1"  # type: ignore[index]
    assert aws.objects["champion/model.tar.gz"] == b"model 1"


def test_rejecting_the_only_version_deletes_the_endpoint(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.decide("1", "Rejected")
    assert reconciler.step()["action"] == "delete_endpoint"
    aws.settle()
    assert reconciler.step()["action"] == "none"


def test_pausing_deletes_the_endpoint_and_resuming_deploys_the_newest_version(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.pause()
    assert reconciler.step()["reason"] == "The endpoint is paused."
    aws.settle()
    # An approval while paused changes nothing yet.
    aws.register()
    assert reconciler.step() == {"action": "none", "reason": "The endpoint is paused."}
    assert set(aws.models) == {settings().name_for(1)}
    aws.pause(False)
    aws.run(reconciler)
    assert aws.serving() == "2"


def test_changing_the_mode_recreates_the_endpoint(aws: Aws) -> None:
    aws.register()
    aws.run(aws.reconciler())
    reconciler = aws.reconciler(settings(mode="serverless"))
    assert reconciler.step()["action"] == "delete_endpoint"
    aws.settle()
    assert reconciler.step()["action"] == "create_endpoint"
    aws.settle()
    aws.run(reconciler)
    assert aws.serving() == "1"


def test_changing_the_size_updates_the_endpoint(aws: Aws) -> None:
    aws.register()
    aws.run(aws.reconciler())
    larger = settings(instance_type="ml.m5.large", min_instances=2, max_instances=2)
    assert aws.reconciler(larger).step()["action"] == "update_endpoint"
    aws.settle()
    aws.run(aws.reconciler(larger))
    assert aws.endpoint is not None
    assert aws.endpoint["EndpointConfigName"] == larger.name_for(1)


@pytest.mark.parametrize("status", ["SystemUpdating", "RollingBack", "Deleting", "Updating"])
def test_changing_endpoints_are_not_touched_even_when_paused(aws: Aws, status: str) -> None:
    aws.register()
    aws.reconciler().step()
    assert aws.endpoint is not None
    aws.endpoint["EndpointStatus"] = status
    aws.pause()
    assert aws.reconciler().step() == {"action": "wait", "reason": f"The endpoint is {status}."}


def test_without_metadata_the_contract_next_to_the_model_is_used(aws: Aws) -> None:
    aws.register()
    metadata = aws.packages["1"]["CustomerMetadataProperties"]
    del metadata["ContractUri"], metadata["ContractHash"]
    aws.run(aws.reconciler())
    assert aws.published()["contract"] == f"{1:016x}"  # type: ignore[index]


def test_only_the_newest_three_generations_and_the_one_in_use_are_kept(aws: Aws) -> None:
    aws.models["bankruptcy-other"] = aws.configs["bankruptcy-other"] = {}
    reconciler = aws.reconciler()
    for _ in range(5):
        aws.register()
        aws.run(reconciler)
    ours = {settings().name_for(version) for version in (3, 4, 5)}
    assert set(aws.configs) == set(aws.models) == {*ours, "bankruptcy-other"}
    # WHEN the newest are rejected, THEN the running one stays though three newer ones exist
    for version in ("5", "4", "3", "2"):
        aws.decide(version, "Rejected")
    aws.run(reconciler)
    assert aws.serving() == "1"
    assert settings().name_for(1) in aws.configs


def test_a_config_of_another_project_is_replaced(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    assert aws.endpoint is not None
    aws.endpoint["EndpointConfigName"] = "by-hand"
    aws.configs["by-hand"] = dict(aws.configs[settings().name_for(1)])
    aws.run(reconciler)
    assert aws.endpoint["EndpointConfigName"] == settings().name_for(1)


def test_access_denied_does_not_mean_missing(aws: Aws) -> None:
    def deny(operation: str) -> None:
        if operation == "describe_endpoint":
            raise error("AccessDeniedException", "no", operation)

    aws.fail = deny
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.reconciler().step()
