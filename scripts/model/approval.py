"""Finds a version, sets its approval, and waits until it is in service."""

from typing import Any

from scripts.aws.registry import describe_version, list_versions, metadata_of
from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError
from scripts.deploy.endpoint import FAILED_ATTEMPTS, FAILED_REASON, MAX_ATTEMPTS
from scripts.deploy.waiting import Waiting, watch_endpoint
from scripts.errors import ScriptError
from scripts.model.contracts import champion_version


class UnknownVersionError(ScriptError):
    """The registry has no such version."""

    code = "unknown_version"


def find_version(aws: Aws, version: int | None) -> dict[str, Any]:
    """Return the registry's description of a version, or of the newest one.

    Raises
    ------
    UnknownVersionError
        If there is no such version.
    """
    known = list_versions(aws)
    if not known:
        raise UnknownVersionError(
            f"The group {aws.project.model_package_group} has no model yet.",
            "`bankruptcy pipeline start --wait` registers one if it passes the gate.",
        )
    for candidate in known:
        if version is None or candidate.version == version:
            return describe_version(aws, candidate.arn)
    numbers = ", ".join(str(known_version.version) for known_version in known)
    raise UnknownVersionError(f"There is no version {version}; known versions: {numbers}.")


def set_approval(aws: Aws, package: dict[str, Any], status: str, note: str = "") -> None:
    """Set the approval status of a version; an empty note keeps the current one."""
    description = {"ApprovalDescription": note} if note else {}
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus=status, **description
    )


def next_version(aws: Aws, without: int | None = None) -> int | None:
    """Return the version that deploy_model would deploy, if the version `without` were rejected."""
    for candidate in list_versions(aws):
        if candidate.is_approved and candidate.version != without:
            attempts = metadata_of(describe_version(aws, candidate.arn)).get(FAILED_ATTEMPTS, "0")
            if int(attempts) < MAX_ATTEMPTS:
                return candidate.version
    return None


def wait_until_served(aws: Aws, version: int, waiting: Waiting | None = None) -> None:
    """Wait until the endpoint is in service and the version is the champion.

    Raises
    ------
    DeploymentError
        If the endpoint failed, the version was given up, or after the timeout.
    """
    name = aws.project.endpoint
    for endpoint in watch_endpoint(aws, waiting or Waiting(), f"version {version} to be in service"):
        if endpoint.status in ("Failed", "UpdateRollbackFailed"):
            reason = endpoint.failure_reason or "its log is in the SageMaker console"
            raise DeploymentError(f"The endpoint {name} is {endpoint.status}: {reason}.")
        if endpoint.status == "InService" and champion_version(aws) == str(version):
            return
        # While the endpoint changes, deploy_model may still be trying this version.
        if endpoint.status in ("InService", None):
            _raise_if_given_up(aws, version)


def _raise_if_given_up(aws: Aws, version: int) -> None:
    notes = metadata_of(find_version(aws, version))
    if int(notes.get(FAILED_ATTEMPTS, "0")) >= MAX_ATTEMPTS:
        raise DeploymentError(
            f"Version {version} was given up: {notes[FAILED_REASON].rstrip('.')}.",
            f"Once the cause is fixed, `bankruptcy model reject {version}` and then "
            f"`bankruptcy model approve {version}` deploy it again.",
        )
