"""Failed deployments are tried three times; then the version is given up until it is approved again."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from support.deploy_model.aws import Aws, settings
from support.deploy_model.services import error


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
