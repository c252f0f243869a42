"""Chooses the version that scores a portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.aws.registry import describe_version, list_versions, metadata_of
from scripts.aws.session import Aws
from scripts.errors import ScriptError
from scripts.model.archives import check_archive
from scripts.model.contracts import champion_version, feature_names, read_contract
from scripts.score.units import Gap, gaps


class ScoringError(ScriptError):
    """A portfolio could not be scored."""

    code = "scoring_failed"


@dataclass(frozen=True)
class Model:
    """A version of the model.

    Attributes
    ----------
    contract
        Hash of its contract.
    environment
        Environment of its container.
    instance_types
        Instance types that its jobs can run on; any, if empty.
    gaps
        The gap between the two units of each column that has two.
    """

    arn: str
    version: int
    features: tuple[str, ...]
    contract: str
    environment: Mapping[str, str] = field(default_factory=dict)
    instance_types: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


def choose_model(aws: Aws, version: int | None) -> Model:
    """Return an approved version. SageMaker only creates models from approved packages.

    Parameters
    ----------
    version
        The version to use; None for the champion if it is approved, else the newest approved version.

    Raises
    ------
    ScoringError
        If there is no such version, or it is not approved.
    ArchiveError
        If its archive is not the evaluated one.
    """
    known = {found.version: found for found in list_versions(aws)}
    approved = sorted(number for number, found in known.items() if found.is_approved)
    wanted = version
    if wanted is None:
        champion = champion_version(aws)
        wanted = int(champion) if champion and int(champion) in approved else max(approved, default=None)
    if wanted is None:
        raise ScoringError(
            "No version of the model has been approved.", "Approve one with `bankruptcy model approve`."
        )
    if wanted not in known:
        numbers = ", ".join(map(str, sorted(known)))
        raise ScoringError(f"There is no version {wanted}; known versions: {numbers}.")
    if wanted not in approved:
        others = ", ".join(map(str, approved)) or "none"
        raise ScoringError(
            f"Version {wanted} is not approved, and only approved versions can score.",
            f"Approve it with `bankruptcy model approve {wanted}`, or choose another; approved versions: "
            f"{others}.",
        )
    package = describe_version(aws, known[wanted].arn)
    check_archive(aws, package)
    uri = metadata_of(package).get("ContractUri")
    contract = read_contract(aws, uri) if uri else None
    if contract is None:
        raise ScoringError(
            f"The contract of version {wanted} is missing, so its columns are unknown.",
            "Choose another version with --version.",
        )
    specification = package["InferenceSpecification"]
    return Model(
        arn=known[wanted].arn,
        version=wanted,
        features=tuple(feature_names(contract)),
        contract=str(contract["contract"]),
        environment=specification["Containers"][0].get("Environment", {}),
        instance_types=tuple(specification.get("SupportedTransformInstanceTypes", [])),
        gaps=gaps(contract),
    )
