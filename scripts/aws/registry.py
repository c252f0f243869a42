"""Lists the versions in the model registry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.aws.session import Aws

# The largest page that SageMaker returns.
_MOST_PER_PAGE = 100


@dataclass(frozen=True)
class ModelVersion:
    """A version of the model package.

    Parameters
    ----------
    failure
        How often and why its deployment failed, as deploy_model noted it; None if it did not fail.
    """

    version: int
    approval: str
    created: datetime
    arn: str
    failure: str | None = None

    @property
    def is_approved(self) -> bool:
        """Whether it may be deployed."""
        return self.approval == "Approved"


def list_versions(aws: Aws, limit: int | None = None) -> tuple[ModelVersion, ...]:
    """Return the versions, newest first."""
    found = aws.list_all(
        "sagemaker",
        "list_model_packages",
        "ModelPackageSummaryList",
        ModelPackageGroupName=aws.project.model_package_group,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"MaxItems": limit, "PageSize": min(limit or _MOST_PER_PAGE, _MOST_PER_PAGE)},
    )
    versions = [
        ModelVersion(
            version=item["ModelPackageVersion"],
            approval=item.get("ModelApprovalStatus", ""),
            created=item["CreationTime"],
            arn=item["ModelPackageArn"],
        )
        for item in found
    ]
    return tuple(sorted(versions, key=lambda version: -version.version))


def describe_version(aws: Aws, arn: str) -> dict[str, Any]:
    """Return the registry's description of a version."""
    described: dict[str, Any] = aws.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return described


def metadata_of(package: dict[str, Any]) -> dict[str, str]:
    """Return the metadata in the description of a version; empty if it has none."""
    metadata: dict[str, str] = package.get("CustomerMetadataProperties", {})
    return metadata
