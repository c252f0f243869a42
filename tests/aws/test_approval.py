"""Waiting for an approved version that deploy_model gives up."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.models.small import register

from local_aws.server import LocalAws
from scripts.aws.session import connect, use_local_aws
from scripts.aws.stacks import DeploymentError
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, set_approval, wait_until_served


def test_waiting_ends_if_the_first_version_is_given_up(
    local_aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "set by the fixture")  # so that monkeypatch undoes use_local_aws
    use_local_aws(local_aws.url, local_aws.region)
    aws = connect("approvals")
    aws.client("s3").create_bucket(
        Bucket=aws.project.bucket, CreateBucketConfiguration={"LocationConstraint": local_aws.region}
    )
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=aws.project.model_package_group)
    register(aws, tmp_path / "first", ["assets", "debt"], seed=1)
    package = find_version(aws, 1)
    set_approval(aws, package, "Approved")
    # WHEN deploy_model gives it up before there is an endpoint
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=package["ModelPackageArn"],
        CustomerMetadataProperties={
            "DeploymentFailedAttempts": "3",
            "DeploymentFailedReason": "The archive was changed.",
        },
    )
    # THEN the command says why, and what to do
    with pytest.raises(DeploymentError, match="Version 1 was given up: The archive was changed") as failed:
        wait_until_served(aws, 1, Waiting(timeout=0))
    assert "bankruptcy model reject 1" in failed.value.hint
