"""The steps of deploy_model, case by case."""

from __future__ import annotations

import copy
import json

import pytest
from botocore.exceptions import ClientError
from deploy_model.publication import NoAnswerError
from deploy_model.registry import MAX_ATTEMPTS
from support.deploy_model_fakes import Aws, error, settings


@pytest.fixture
def aws() -> Aws:
    return Aws()


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


def test_a_failed_creation_is_deleted_and_tried_three_times(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    for _ in range(3):
        assert reconciler.step()["action"] == "create_endpoint"
        aws.settle(succeeds=False)
        assert reconciler.step()["action"] == "delete_endpoint"
        aws.settle()
    step = reconciler.step()
    assert step == {
        "action": "none",
        "reason": "There is no approved package to deploy.",
        "given_up": ["1"],
    }
    metadata = aws.packages["1"]["CustomerMetadataProperties"]
    assert metadata["DeploymentFailedAttempts"] == "3"
    assert metadata["DeploymentFailedReason"] == "The container did not answer /ping."
    assert metadata["ContractHash"] == f"{1:016x}"


def test_a_failed_update_that_keeps_the_old_config_is_recorded(aws: Aws) -> None:
    # GIVEN version 1 in service, and updates to 2 that SageMaker rolls back without a reason
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    # WHEN it is tried three times
    for _ in range(3):
        assert reconciler.step()["action"] == "update_endpoint"
        aws.settle(succeeds=False)
    # THEN it is given up and reported, and version 1 stays
    step = reconciler.step()
    assert (step["action"], step["version"], step["given_up"]) == ("none", "1", ["2"])
    metadata = aws.packages["2"]["CustomerMetadataProperties"]
    assert metadata["DeploymentFailedReason"] == f"The update failed and kept {settings().name_for(1)}."
    assert aws.published()["version"] == "1"  # type: ignore[index]


def test_rejecting_and_approving_again_allows_new_attempts(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    for _ in range(3):
        reconciler.step()
        aws.settle(succeeds=False)
    aws.decide("2", "Rejected")
    assert "given_up" not in reconciler.step()
    assert "DeploymentFailedAttempts" not in aws.packages["2"]["CustomerMetadataProperties"]
    aws.decide("2", "Approved")
    aws.run(reconciler)
    assert aws.serving() == "2"


def test_failures_only_count_for_the_same_settings(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    for _ in range(3):
        reconciler.step()
        aws.settle(succeeds=False)
        reconciler.step()
        aws.settle()
    aws.run(aws.reconciler(settings(instance_type="ml.m5.large")))
    assert aws.serving() == "1"


def test_the_endpoint_stays_if_new_settings_fail_for_every_version(aws: Aws) -> None:
    # GIVEN version 1 in service, and settings under which no update succeeds
    aws.register()
    aws.run(aws.reconciler())
    config = settings().name_for(1)
    reconciler = aws.reconciler(settings(instance_type="ml.p5.48xlarge"))
    for _ in range(3):
        assert reconciler.step()["action"] == "update_endpoint"
        aws.settle(succeeds=False)
    # THEN the version is given up with these settings, but stays in service with the old ones
    step = reconciler.step()
    assert (step["action"], step["config"], step["given_up"]) == ("none", config, ["1"])
    assert aws.serving() == "1"
    # AND rejecting it still deletes the endpoint
    aws.decide("1", "Rejected")
    assert reconciler.step()["action"] == "delete_endpoint"


def test_an_endpoint_with_a_failed_rollback_is_deleted(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    assert aws.endpoint is not None
    aws.endpoint["EndpointStatus"] = "UpdateRollbackFailed"
    assert reconciler.step()["action"] == "delete_endpoint"
    aws.settle()
    aws.run(reconciler)
    assert aws.serving() == "1"


@pytest.mark.parametrize("status", ["SystemUpdating", "RollingBack", "Deleting", "Updating"])
def test_changing_endpoints_are_not_touched_even_when_paused(aws: Aws, status: str) -> None:
    aws.register()
    aws.reconciler().step()
    assert aws.endpoint is not None
    aws.endpoint["EndpointStatus"] = status
    aws.pause()
    assert aws.reconciler().step() == {"action": "wait", "reason": f"The endpoint is {status}."}


def test_a_wrong_answer_rolls_back_to_the_previous_version_at_once(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.wrong_answers.add(aws.register())
    reconciler.step()
    aws.settle()
    step = reconciler.step()
    assert (step["action"], step["version"]) == ("update_endpoint", "1")
    assert step["unfit"] == {
        "2": "The smoke test returned the probability 0.9; the evaluated model returned 0.002."
    }
    aws.settle()
    aws.run(reconciler)
    assert aws.serving() == "1"
    assert aws.published()["version"] == "1"  # type: ignore[index]


def test_a_wrong_answer_from_the_only_version_deletes_the_endpoint(aws: Aws) -> None:
    aws.wrong_answers.add(aws.register())
    reconciler = aws.reconciler()
    reconciler.step()
    aws.settle()
    assert reconciler.step()["action"] == "delete_endpoint"
    assert aws.published() is None


def test_every_new_endpoint_is_tested_even_if_its_version_was_already_published(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.pause()
    reconciler.step()
    aws.settle()
    aws.pause(False)
    reconciler.step()
    aws.settle()
    assert reconciler.step()["action"] == "publish"


def test_a_rollback_publishes_again_after_an_interrupted_publication(aws: Aws) -> None:
    # GIVEN version 1 in service, and version 2 published but interrupted before its tag was set
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    reconciler.step()
    aws.settle()

    def deny(operation: str) -> None:
        if operation == "add_tags":
            raise error("ThrottlingException", "Rate exceeded", operation)

    aws.fail = deny
    with pytest.raises(ClientError, match="Rate exceeded"):
        reconciler.step()
    aws.fail = lambda _: None
    assert aws.published()["version"] == "2"  # type: ignore[index]
    # WHEN version 2 is rejected
    aws.decide("2", "Rejected")
    aws.run(reconciler)
    # THEN clients see version 1's contract again
    assert aws.published()["version"] == "1"  # type: ignore[index]


def test_a_difference_within_the_tolerance_passes(aws: Aws) -> None:
    aws.register()
    key = "models/execution-1/contract.json"
    contract = json.loads(aws.objects[key])
    contract["smoke_test"]["probability"] += 9e-7
    aws.objects[key] = json.dumps(contract).encode()
    assert aws.run(aws.reconciler())["version"] == "1"


def test_no_answer_raises_for_a_retry_and_is_given_up_after_three(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    reconciler.step()
    aws.settle()
    aws.silent = True
    for _ in range(3):
        with pytest.raises(NoAnswerError, match="did not answer the smoke test"):
            reconciler.step()
    assert reconciler.step()["action"] == "delete_endpoint"


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        (None, "The model's contract is missing"),
        (b"{", "is not a contract"),
        (b"{}", "is not a contract"),
        (
            b'{"contract": "ff", "smoke_test": {}}',
            "holds the contract ff, but 0000000000000002 was registered",
        ),
    ],
)
def test_a_package_without_its_contract_is_never_deployed(
    aws: Aws, contract: bytes | None, reason: str
) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    del aws.objects["models/execution-2/contract.json"]
    if contract is not None:
        aws.objects["models/execution-2/contract.json"] = contract
    step = reconciler.step()
    assert (step["action"], step["version"]) == ("none", "1")
    assert reason in step["unfit"]["2"]
    assert reconciler.step()["given_up"] == ["2"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("create_endpoint_config", "ValidationException"),
        ("create_endpoint", "ResourceLimitExceeded"),
        ("update_endpoint", "ResourceLimitExceeded"),
    ],
)
def test_an_instance_type_or_quota_that_the_account_lacks_is_noted_on_the_package(
    aws: Aws, operation: str, code: str
) -> None:
    def refuse(called: str) -> None:
        if called == operation:
            raise error(code, "The account-level service limit is 0 Instances.", called)

    reconciler = aws.reconciler()
    version = aws.register()
    if operation == "update_endpoint":
        aws.run(reconciler)
        version = aws.register()
    aws.fail = refuse
    for _ in range(3):
        with pytest.raises(ClientError, match=code):
            reconciler.step()
    # After three attempts the version is given up, with the reason for the person who approved it.
    assert reconciler.step()["given_up"] == [version]
    metadata = aws.packages[version]["CustomerMetadataProperties"]
    assert metadata["DeploymentFailedReason"] == "The account-level service limit is 0 Instances."


class TestArchive:
    """The archive in S3 is not the evaluated one."""

    CHANGED = "The archive of version {} was changed after it was evaluated"

    def test_a_changed_archive_is_refused_and_the_champion_keeps_serving(self, aws: Aws) -> None:
        aws.register()
        reconciler = aws.reconciler()
        aws.run(reconciler)
        aws.register()
        aws.objects["models/execution-2/model.tar.gz"] = b"swapped"
        step = reconciler.step()
        assert (step["action"], step["version"]) == ("none", "1")
        assert step["unfit"]["2"].startswith(self.CHANGED.format(2))
        assert aws.serving() == aws.published()["version"] == "1"  # type: ignore[index]
        # AND it is final: putting the archive back does not help until a person rejects and approves it again
        aws.objects["models/execution-2/model.tar.gz"] = b"model 2"
        assert reconciler.step()["given_up"] == ["2"]

    def test_resuming_does_not_load_an_archive_that_was_changed_during_the_pause(self, aws: Aws) -> None:
        aws.register()
        reconciler = aws.reconciler()
        aws.run(reconciler)
        aws.pause()
        aws.run(reconciler)
        aws.objects["models/execution-1/model.tar.gz"] = b"swapped"
        aws.pause(False)
        step = reconciler.step()
        assert step["action"] == "none"
        assert step["unfit"]["1"].startswith(self.CHANGED.format(1))
        assert aws.endpoint is None

    def test_a_change_during_the_deployment_is_not_published(self, aws: Aws) -> None:
        # GIVEN an update in progress
        aws.register()
        reconciler = aws.reconciler()
        aws.run(reconciler)
        aws.register()
        assert reconciler.step()["action"] == "update_endpoint"
        # WHEN the archive changes before the update ends
        aws.objects["models/execution-2/model.tar.gz"] = b"swapped"
        aws.settle()
        # THEN the previous version is deployed again
        step = reconciler.step()
        assert (step["action"], step["version"]) == ("update_endpoint", "1")
        assert aws.objects["champion/model.tar.gz"] == b"model 1"

    def test_a_running_champion_survives_new_settings_if_its_archive_was_changed(self, aws: Aws) -> None:
        aws.register()
        aws.run(aws.reconciler())
        aws.objects["models/execution-1/model.tar.gz"] = b"swapped"
        step = aws.reconciler(settings(instance_type="ml.m5.large")).step()
        assert step["action"] == "none"
        assert "1" in step["unfit"]
        assert aws.serving() == "1"

    @pytest.mark.parametrize(
        ("lost", "reason"),
        [
            ("archive", "The model's archive is missing"),
            ("hash", "Version 1 does not record the ArchiveSha256 of its archive"),
        ],
    )
    def test_without_archive_or_hash_nothing_is_deployed(self, aws: Aws, lost: str, reason: str) -> None:
        aws.register()
        if lost == "archive":
            del aws.objects["models/execution-1/model.tar.gz"]
        else:
            del aws.packages["1"]["CustomerMetadataProperties"]["ArchiveSha256"]
        assert reason in aws.reconciler().step()["unfit"]["1"]
        assert aws.models == {}

    @pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
    @pytest.mark.parametrize(("lost", "what"), [("model.tar.gz", "archive"), ("contract.json", "contract")])
    def test_a_missing_object_does_not_keep_an_older_version_from_service(
        self, aws: Aws, lost: str, what: str, code: str
    ) -> None:
        aws.register()
        aws.register()
        aws.missing_key = code
        del aws.objects[f"models/execution-2/{lost}"]
        # Another object whose key starts the same does not count as found.
        aws.objects[f"models/execution-2/{lost}.old"] = b""
        step = aws.reconciler().step()
        assert (step["action"], step["version"]) == ("create_endpoint", "1")
        assert step["unfit"]["2"].startswith(f"The model's {what} is missing: s3://")

    @pytest.mark.parametrize("denied", [{"get_object"}, {"get_object", "list_objects_v2"}])
    def test_a_role_that_is_denied_for_a_while_makes_no_version_unfit(
        self, aws: Aws, denied: set[str]
    ) -> None:
        def deny(operation: str) -> None:
            if operation in denied:
                raise error("AccessDenied", "Access Denied", operation)

        version = aws.register()
        before = copy.deepcopy(aws.packages[version])
        aws.fail = deny
        for _ in range(MAX_ATTEMPTS + 1):
            with pytest.raises(ClientError, match="AccessDenied"):
                aws.reconciler().step()
        assert aws.packages[version] == before
        aws.fail = lambda _: None
        aws.run(aws.reconciler())
        assert aws.serving() == version


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
