"""Finds the package to deploy in the model registry, and records failed deployments."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import ModelPackageSummaryTypeDef

# After this many failed deployments a package is skipped, until it is rejected and approved again or the
# endpoint's settings change.
MAX_ATTEMPTS = 3

# Stored in the package's metadata, where the person who approves versions can see it.
FAILED_CONFIG = "DeploymentFailedConfig"
FAILED_ATTEMPTS = "DeploymentFailedAttempts"
FAILED_REASON = "DeploymentFailedReason"

_NOT_ALLOWED_IN_METADATA = re.compile(r"[^\w .:/=+\-@]")


@dataclass(frozen=True)
class Package:
    """An approved version of the model.

    Attributes
    ----------
    environment
        Environment of its container.
    """

    arn: str
    version: int
    model_data_url: str
    environment: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


class Registry:
    """The packages of one group.

    Parameters
    ----------
    sagemaker
        Client of the SageMaker API.
    group
        Name of the model package group.
    name_for
        Returns the name of a version's endpoint configuration. Failures are counted per name.
    """

    def __init__(self, sagemaker: SageMakerClient, group: str, name_for: Callable[[int], str]) -> None:
        self._sagemaker = sagemaker
        self._group = group
        self._name_for = name_for

    def newest_deployable(self, besides: Collection[int] = ()) -> tuple[Package | None, list[str]]:
        """Return the newest approved package to deploy, and the approved versions that were given up.

        The failures of newer rejected packages are forgotten, so that approving them again starts afresh.

        Parameters
        ----------
        besides
            Versions to skip.
        """
        given_up: list[str] = []
        for summary in self._newest_first():
            status = summary.get("ModelApprovalStatus")
            if status == "Rejected":
                self.forget_failures(self._describe(summary["ModelPackageArn"]))
            elif status == "Approved":
                package = self._describe(summary["ModelPackageArn"])
                if self._attempts(package) >= MAX_ATTEMPTS:
                    given_up.append(str(package.version))
                elif package.version not in besides:
                    return package, given_up
        return None, given_up

    def approved(self, version: int) -> Package | None:
        """Return a version's package; None if it is not approved, or no longer registered."""
        for summary in self._newest_first():
            if summary["ModelPackageVersion"] == version:
                is_approved = summary.get("ModelApprovalStatus") == "Approved"
                return self._describe(summary["ModelPackageArn"]) if is_approved else None
        return None

    def record_failure(self, version: int, reason: str, *, final: bool = False) -> None:
        """Record a failed deployment in a package's metadata.

        Parameters
        ----------
        version
            The package version; ignored if it is no longer registered.
        reason
            The reason, for people.
        final
            Whether a retry is pointless.
        """
        arn = next(
            (s["ModelPackageArn"] for s in self._newest_first() if s["ModelPackageVersion"] == version), None
        )
        if arn is None:
            return
        package = self._describe(arn)
        attempts = MAX_ATTEMPTS if final else self._attempts(package) + 1
        self._sagemaker.update_model_package(
            ModelPackageArn=arn,
            CustomerMetadataProperties={
                **package.metadata,
                FAILED_CONFIG: self._name_for(version),
                FAILED_ATTEMPTS: str(attempts),
                FAILED_REASON: _NOT_ALLOWED_IN_METADATA.sub(" ", reason)[:256].strip() or "unknown",
            },
        )

    def forget_failures(self, package: Package) -> None:
        """Remove the record of failures from a package's metadata."""
        recorded = [key for key in (FAILED_CONFIG, FAILED_ATTEMPTS, FAILED_REASON) if key in package.metadata]
        if recorded:
            self._sagemaker.update_model_package(
                ModelPackageArn=package.arn, CustomerMetadataPropertiesToRemove=recorded
            )

    def _newest_first(self) -> Iterator[ModelPackageSummaryTypeDef]:
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._group, SortBy="CreationTime", SortOrder="Descending"
        )
        summaries = [summary for page in pages for summary in page["ModelPackageSummaryList"]]
        return iter(sorted(summaries, key=lambda summary: -summary["ModelPackageVersion"]))

    def _describe(self, arn: str) -> Package:
        described: Any = self._sagemaker.describe_model_package(ModelPackageName=arn)
        container = described["InferenceSpecification"]["Containers"][0]
        return Package(
            arn=arn,
            version=int(described["ModelPackageVersion"]),
            model_data_url=container["ModelDataUrl"],
            environment=dict(container.get("Environment") or {}),
            metadata=dict(described.get("CustomerMetadataProperties") or {}),
        )

    def _attempts(self, package: Package) -> int:
        if package.metadata.get(FAILED_CONFIG) != self._name_for(package.version):
            return 0
        return int(package.metadata.get(FAILED_ATTEMPTS, "0"))
