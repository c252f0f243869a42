"""What changes for the API's clients when another model is deployed: the columns and their order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from scripts.aws.session import Aws

DEPLOYED_KEY = "champion/contract.json"


@dataclass(frozen=True)
class ContractChange:
    """From the contract that clients know to that of a version.

    Attributes
    ----------
    deployed
        The version that clients know.
    goes, comes
        The columns that only the one or only the other has, in its order.
    moves
        Where the first column stands that both have but not at the same place (from 1), and its name; None
        when all stay.
    """

    deployed: str
    goes: tuple[str, ...]
    comes: tuple[str, ...]
    moves: tuple[int, str] | None


def contract_change(aws: Aws, package: dict[str, Any]) -> ContractChange | None:
    """Compare the contract of a model package with the deployed one.

    Returns
    -------
    ContractChange or None
        None where nothing changes for clients: the same columns in the same order, or nothing deployed.
    """
    s3, bucket = aws.client("s3"), aws.project.bucket
    metadata = package.get("CustomerMetadataProperties", {})
    deployed = _read(s3, bucket, DEPLOYED_KEY)
    if deployed is None or deployed["contract"] == metadata.get("ContractHash"):
        return None
    place = urlsplit(metadata.get("ContractUri", ""))
    coming = _read(s3, place.netloc, place.path.lstrip("/")) if place.netloc else None
    if coming is None:
        # Then deploy_model says so and deploys nothing.
        return None
    old, new = _names(deployed), _names(coming)
    if old == new:
        return None
    return ContractChange(
        deployed=str(deployed["version"]),
        goes=tuple(name for name in old if name not in new),
        comes=tuple(name for name in new if name not in old),
        moves=next(
            (
                (place, name)
                for place, name in enumerate(new, start=1)
                if name in old and old.index(name) + 1 != place
            ),
            None,
        ),
    )


def champion_version(s3: Any, bucket: str) -> str | None:
    """Return the version that clients know; None before the first deployment."""
    contract = _read(s3, bucket, DEPLOYED_KEY)
    return None if contract is None else str(contract["version"])


def _names(contract: dict[str, Any]) -> list[str]:
    return [feature["name"] for feature in contract["features"]]


def _read(s3: Any, bucket: str, key: str) -> dict[str, Any] | None:
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    contract: dict[str, Any] = json.load(body)
    return contract
