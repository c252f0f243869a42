"""Reads contracts, and reports what changes for clients when another version is deployed."""

import json
from dataclasses import dataclass
from typing import Any

from scripts.aws.files import SCHEME, read_if_present
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws


@dataclass(frozen=True)
class ContractChange:
    """The difference between the champion's contract, which clients know, and another version's.

    Attributes
    ----------
    champion
        The champion's version.
    removed, added
        The columns that only the champion's contract has, or only the other one, in its order.
    moved
        Number (from 1) and name of the first column that both have at different positions; None if there
        is no such column.
    """

    champion: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    moved: tuple[int, str] | None

    @property
    def consequence(self) -> str:
        """What the change means for clients, in sentences."""
        by_name = "are rejected with 422" if self.removed or self.added else "are not affected"
        return (
            "Requests that name the champion's contract are rejected with 409, until the client reads GET "
            "/model again. Requests with numbers by position and no contract are misread, or rejected with "
            f"422 if the number of columns changes. Requests with numbers by name {by_name}."
        )


def contract_change(aws: Aws, package: dict[str, Any]) -> ContractChange | None:
    """Compare the contract of a version with the champion's.

    Returns
    -------
    ContractChange or None
        None if nothing changes for clients: the columns and their order are the same, or there is no
        champion.
    """
    metadata = metadata_of(package)
    champion = read_champion(aws)
    if champion is None or champion["contract"] == metadata.get("ContractHash"):
        return None
    other = read_contract(aws, metadata["ContractUri"]) if "ContractUri" in metadata else None
    if other is None:
        # deploy_model reports this and does not deploy the version.
        return None
    old, new = feature_names(champion), feature_names(other)
    if old == new:
        return None
    moved = (
        (number, name)
        for number, name in enumerate(new, start=1)
        if name in old and old.index(name) + 1 != number
    )
    return ContractChange(
        champion=str(champion["version"]),
        removed=tuple(name for name in old if name not in new),
        added=tuple(name for name in new if name not in old),
        moved=next(moved, None),
    )


def champion_version(aws: Aws) -> str | None:
    """Return the champion's version; None before the first deployment."""
    contract = read_champion(aws)
    return None if contract is None else str(contract["version"])


def feature_names(contract: dict[str, Any]) -> list[str]:
    """Return the names of a contract's features in their order."""
    return [feature["name"] for feature in contract["features"]]


def read_contract(aws: Aws, uri: str) -> dict[str, Any] | None:
    """Return the contract at a URI, or None if there is none."""
    content = read_if_present(aws, uri)
    return None if content is None else json.loads(content)


def read_champion(aws: Aws) -> dict[str, Any] | None:
    """Return the champion's contract; None before the first deployment."""
    return read_contract(aws, f"{SCHEME}{aws.project.bucket}/champion/contract.json")
