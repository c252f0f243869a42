"""Finds the effects of approving or rejecting a version."""

from dataclasses import dataclass
from typing import Any

from scripts.aws.registry import list_versions
from scripts.aws.session import Aws
from scripts.deploy.endpoint import read_endpoint
from scripts.model.approval import next_version
from scripts.model.contracts import ContractChange, contract_change


@dataclass(frozen=True)
class Approval:
    """The effects of approving a version.

    Attributes
    ----------
    deploys
        Whether the version would be deployed; only the newest approved version is.
    newer
        The newer approved version that stays deployed; None if there is none.
    change
        What changes for clients; None if nothing does.
    """

    deploys: bool
    newer: int | None
    change: ContractChange | None


@dataclass(frozen=True)
class Rejection:
    """The effects of rejecting a version.

    Attributes
    ----------
    in_service
        Whether the version answers requests now.
    texts
        The effects, as sentences; empty if rejecting it affects no endpoint.
    """

    in_service: bool
    texts: tuple[str, ...]


def effect_of_approving(aws: Aws, package: dict[str, Any]) -> Approval:
    """Return the effects of approving a version; `package` is its description in the registry."""
    number = package["ModelPackageVersion"]
    approved = (each.version for each in list_versions(aws) if each.is_approved)
    newer = next((each for each in approved if each > number), None)
    return Approval(newer is None, newer, contract_change(aws, package))


def effect_of_rejecting(aws: Aws, version: int) -> Rejection:
    """Return the effects of rejecting a version."""
    endpoint, texts = read_endpoint(aws), []
    if endpoint.pending_version == str(version):
        texts.append(f"Version {version} is being deployed; its update will be rolled back.")
    in_service = endpoint.version == str(version)
    if in_service:
        other = next_version(aws, without=version)
        effect = (
            "no other version is approved, so the endpoint will be deleted and the API will answer 503"
            if other is None
            else f"version {other} will replace it"
        )
        if endpoint.pending_version is not None:
            effect += f", once the update to version {endpoint.pending_version} has ended"
        texts.append(f"Version {version} is in service; {effect}.")
    return Rejection(in_service, tuple(texts))
