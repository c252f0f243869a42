"""Rolls the service back to the previous version."""

from dataclasses import dataclass

from scripts.aws.session import Aws
from scripts.deploy.endpoint import is_paused, read_endpoint
from scripts.deploy.outputs import read_outputs
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, next_version, set_approval, wait_until_served
from scripts.operate.pausing import OperationError

NOTE = "Rolled back."


@dataclass(frozen=True)
class Rollback:
    """The version to reject, and the one that replaces it.

    Parameters
    ----------
    aborts
        Whether the rejected version is still being deployed, so that its update is rolled back.
    """

    rejected: int
    version: int
    aborts: bool = False


def plan_rollback(aws: Aws) -> Rollback:
    """Return what a rollback would do: reject the version in service, or the one being deployed.

    Raises
    ------
    OperationError
        If the service is paused, or no approved version would replace the rejected one.
    """
    if is_paused(aws, read_outputs(aws)):
        raise OperationError(
            "The service is paused, so no version is in service.",
            "Reject the version with `bankruptcy model reject`, then run `bankruptcy resume`.",
        )
    rejected = next_version(aws)
    if rejected is None:
        raise OperationError(
            "No approved version can be deployed, so there is nothing to roll back.",
            "`bankruptcy model list` shows all versions.",
        )
    version = next_version(aws, without=rejected)
    if version is None:
        raise OperationError(
            f"No approved version would replace version {rejected}.",
            "Approve another one (`bankruptcy model list`), or stop the service with `bankruptcy pause`.",
        )
    return Rollback(rejected, version, read_endpoint(aws).pending_version == str(rejected))


def roll_back(aws: Aws, plan: Rollback, note: str = NOTE, waiting: Waiting | None = None) -> None:
    """Reject a version, and wait until the previous one is in service.

    An update to the rejected version is rolled back. Any other update ends first.

    Raises
    ------
    DeploymentError
        If the endpoint fails or the previous version is given up, or after the timeout.
    """
    set_approval(aws, find_version(aws, plan.rejected), "Rejected", note)
    wait_until_served(aws, plan.version, waiting)
