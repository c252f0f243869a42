"""Waiting for an approved version that deploy_model gives up."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.models.small import register

from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, set_approval, wait_until_served


def test_waiting_ends_if_the_first_version_is_given_up(registry: Aws, tmp_path: Path) -> None:
    aws = registry
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
