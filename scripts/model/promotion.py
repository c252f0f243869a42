"""Copies a version to another project, perhaps in another account, where a person approves it."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from inference.artifact import Model
from scripts.aws.failures import unless_gone
from scripts.aws.files import SCHEME, file_errors, open_stream, split_uri
from scripts.aws.registry import describe_version, list_versions, metadata_of
from scripts.aws.session import Aws
from scripts.errors import ScriptError
from scripts.model.approval import find_version
from scripts.model.archives import (
    ARCHIVE,
    ARCHIVE_SHA256,
    ArchiveError,
    archive_sha256,
    archive_uri,
    check_archive,
    download_archive,
    load_downloaded,
)
from scripts.model.contracts import champion_version

# Metadata of a promoted version: the ARN of the version that it is a copy of.
PROMOTED_FROM = "PromotedFrom"
# deploy_model notes failed deployments in metadata with this prefix; they belong to one project.
_DEPLOYMENT = "Deployment"
_COPIED = ("Domain", "ModelPackageDescription", "SkipModelValidation", "Task")
_NEW_MODEL = "Choose another version, or register a new one with `bankruptcy pipeline start`."


class PromotionError(ScriptError):
    """A version can't be promoted."""

    code = "not_promoted"


@dataclass(frozen=True)
class Promotion:
    """A version, and its copy in another project.

    Attributes
    ----------
    source, copy
        The registry's descriptions of the two versions.
    created
        Whether this promotion registered the copy; False if an earlier one did.
    """

    source: dict[str, Any]
    copy: dict[str, Any]
    created: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the promotion as JSON data."""
        return {
            "version": self.copy["ModelPackageVersion"],
            "arn": self.copy["ModelPackageArn"],
            "approval": self.copy["ModelApprovalStatus"],
            "created": self.created,
            "archive_sha256": metadata_of(self.copy)[ARCHIVE_SHA256],
            "promoted_version": self.source["ModelPackageVersion"],
            "promoted_arn": self.source["ModelPackageArn"],
        }


def promote(source: Aws, target: Aws, version: int | None = None) -> Promotion:
    """Copy a version to another project and register it there as pending approval.

    The files are downloaded with the source's credentials and uploaded with the target's, so neither needs
    access to the other. The command can be interrupted and repeated: an archive is registered once in a
    project.

    Parameters
    ----------
    version
        The version to promote; by default the source's champion.

    Raises
    ------
    PromotionError
        If the version is rejected, incomplete or unfit for the target, or the target is not deployed.
    ArchiveError
        If the archive of the version or of its copy is not the evaluated one.
    FileError
        If a file can't be read or written.
    """
    package = _version_to_promote(source, version)
    _check_deployed(target)
    with tempfile.TemporaryDirectory(prefix="bankruptcy-model-") as folder:
        path = Path(folder) / ARCHIVE
        download_archive(source, package, path)
        copy = _find_copy(target, metadata_of(package)[ARCHIVE_SHA256])
        if copy is not None:
            check_archive(target, copy)
            return Promotion(package, copy, created=False)
        copies = _copies(package, target)
        request = _registration(package, target, copies)
        # Everything is read and checked before anything is written.
        contents = {uri: _read(source, uri) for uri in copies if uri != archive_uri(package)}
        _check_contract(package, contents, load_downloaded(package, path))
        for uri, content in contents.items():
            _write(target, copies[uri], content)
        _upload_archive(target, package, path, copies[archive_uri(package)])
    arn = target.client("sagemaker").create_model_package(**request)["ModelPackageArn"]
    return Promotion(package, describe_version(target, arn), created=True)


def place_of(aws: Aws) -> str:
    """Return a project with its account and region, for messages."""
    return f"{aws.project.name} (account {aws.project.account}, {aws.project.region})"


def _version_to_promote(source: Aws, version: int | None) -> dict[str, Any]:
    if version is None:
        champion = champion_version(source)
        if champion is None:
            raise PromotionError(
                f"{place_of(source)} has no champion to promote.",
                "Name a version; `bankruptcy model list` shows them.",
            )
        version = int(champion)
    package = find_version(source, version)
    if package["ModelApprovalStatus"] == "Rejected":
        raise PromotionError(f"Version {version} is rejected.", "`bankruptcy model list` shows the others.")
    return package


def _check_deployed(target: Aws) -> None:
    if unless_gone(target.client("s3").head_bucket, Bucket=target.project.bucket) is None:
        raise PromotionError(
            f"{place_of(target)} is not deployed: it has no bucket {target.project.bucket}.",
            "Deploy that project first.",
        )


def _find_copy(target: Aws, sha256: str) -> dict[str, Any] | None:
    """Return the newest version in the target that has this archive; None if there is none."""
    for candidate in list_versions(target):
        described = describe_version(target, candidate.arn)
        if metadata_of(described).get(ARCHIVE_SHA256) == sha256:
            return described
    return None


def _copies(package: dict[str, Any], target: Aws) -> dict[str, str]:
    """Return the URI of each file of a version, with that of its copy.

    The copies are in a folder named after the archive's hash, so a repeated promotion writes the same files.
    """
    metadata = metadata_of(package)
    texts = [archive_uri(package), *metadata.values(), _statistics(package).get("S3Uri", "")]
    uris = [text for text in texts if text.startswith(SCHEME)]
    folder = archive_uri(package).rpartition("/")[0]
    if other := [uri for uri in uris if not uri.startswith(f"{folder}/")]:
        raise PromotionError(
            f"Version {package['ModelPackageVersion']} refers to {other[0]}, which is not in the folder of "
            f"its archive, {folder}.",
            _NEW_MODEL,
        )
    copied = f"{SCHEME}{target.project.bucket}/models/promoted-{metadata[ARCHIVE_SHA256]}"
    return {uri: copied + uri.removeprefix(folder) for uri in uris}


def _registration(package: dict[str, Any], target: Aws, copies: Mapping[str, str]) -> dict[str, Any]:
    """Return the request that registers the copy."""
    specification, statistics = package["InferenceSpecification"], _statistics(package)
    container = specification["Containers"][0]
    environment = dict(container.get("Environment", {}))
    if "SAGEMAKER_REGION" in environment:
        environment["SAGEMAKER_REGION"] = target.project.region
    copied_container = {
        "Image": _target_image(package, target),
        "ModelDataUrl": copies[archive_uri(package)],
        "Environment": environment,
    }
    metadata = {
        name: copies.get(text, text)
        for name, text in metadata_of(package).items()
        if not name.startswith(_DEPLOYMENT)
    }
    request = {
        **{name: package[name] for name in _COPIED if name in package},
        "ModelPackageGroupName": target.project.model_package_group,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {**specification, "Containers": [copied_container]},
        "CustomerMetadataProperties": {**metadata, PROMOTED_FROM: package["ModelPackageArn"]},
    }
    if statistics:
        statistics = {**statistics, "S3Uri": copies[statistics["S3Uri"]]}
        request["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
    if "ModelCard" in package:
        # A person reviews the card again when approving the copy.
        request["ModelCard"] = {**package["ModelCard"], "ModelCardStatus": "PendingReview"}
    return request


def _statistics(package: dict[str, Any]) -> dict[str, Any]:
    """Return where a version's evaluation is; empty if it has none."""
    statistics: dict[str, Any] = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    return statistics


def _target_image(package: dict[str, Any], target: Aws) -> str:
    """Return the image of a version in the target's region, where another account owns it."""
    from pipeline.jobs import sklearn_image

    image = package["InferenceSpecification"]["Containers"][0]["Image"]
    wanted = sklearn_image(target.project.region)
    name, wanted_name = (each.rpartition("/")[2] for each in (image, wanted))
    if name != wanted_name:
        raise PromotionError(
            f"Version {package['ModelPackageVersion']} runs in the image {name}, but this release deploys "
            f"{wanted_name}.",
            _NEW_MODEL,
        )
    return wanted


def _check_contract(package: dict[str, Any], contents: Mapping[str, bytes], model: Model) -> None:
    """Check that the contract is the one that was registered, and that of the archive's model.

    deploy_model only compares the contract's hash, but predict_api validates requests with all of it. The
    model has already given the known answer of its own contract.
    """
    metadata = metadata_of(package)
    uri = metadata.get("ContractUri")
    try:
        contract = json.loads(contents[uri]) if uri else {}
        # The metrics are not in the archive, which was evaluated after it was packed.
        facts = {name: fact for name, fact in contract.items() if name != "metrics"}
        is_same = (
            contract["contract"] == metadata["ContractHash"]
            and "smoke_test" in contract
            and all(model.contract.facts.get(name) == fact for name, fact in facts.items())
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        is_same = False
    if not is_same:
        raise PromotionError(
            f"The contract of version {package['ModelPackageVersion']}, {uri}, is not the one that was "
            "registered with its archive.",
            _NEW_MODEL,
        )


def _upload_archive(target: Aws, package: dict[str, Any], path: Path, uri: str) -> None:
    """Upload the archive, and check what has arrived."""
    with path.open("rb") as file:
        _write(target, uri, file)
    found, expected = archive_sha256(target, uri), metadata_of(package)[ARCHIVE_SHA256]
    if found != expected:
        raise ArchiveError(
            f"The copy {uri} differs from the evaluated archive: its SHA-256 is {found[:12]}, but "
            f"{expected[:12]} was registered. The copy was not registered.",
            "Find out who changed it (SECURITY.md), then run the command again.",
        )


def _read(source: Aws, uri: str) -> bytes:
    with open_stream(source, uri) as stream:
        return stream.read()


def _write(target: Aws, uri: str, content: bytes | IO[bytes]) -> None:
    bucket, key = split_uri(uri)
    with file_errors(uri, "written"):
        target.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
