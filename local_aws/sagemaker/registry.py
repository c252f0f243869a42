"""The model registry: adds the members and checks of the service that moto lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.models import ModelPackage
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.clock import now
from local_aws.base.documents import present
from local_aws.base.ids import sagemaker_arn
from local_aws.sagemaker import model_card
from local_aws.sagemaker.plane import Plane, ValidationError

# Members of CreateModelPackage and UpdateModelPackage that moto does not store.
_DROPPED = ("ModelCard", "ModelLifeCycle", "SecurityConfig", "SkipModelValidation", "SourceUri")
_KEPT_ON_UPDATE = ("model_approval_status", "approval_description", "customer_metadata_properties")


class RegistryActions(SageMakerResponse):  # type: ignore[misc]
    """Actions on model package groups, model packages and tags."""

    plane: Plane

    def create_model_package_group(self) -> ActionResult:
        """Create a group; its name must be new."""
        name = self._get_param("ModelPackageGroupName")
        with self.plane.changes:
            if name in self.sagemaker_backend.model_package_groups:
                raise ValidationError(f"Model Package Group already exists: {self._group_arn(name)}")
            return super().create_model_package_group()

    def delete_model_package_group(self) -> ActionResult:
        """Delete an empty group."""
        name = self._get_param("ModelPackageGroupName").rsplit("/", 1)[-1]
        with self.plane.changes:
            self.sagemaker_backend.describe_model_package_group(name)
            if any(
                each.model_package_group_name == name
                for each in self.sagemaker_backend.model_packages.values()
            ):
                raise ValidationError(
                    f"Model Package Group {self._group_arn(name)} still holds model packages; "
                    "delete them first."
                )
            del self.sagemaker_backend.model_package_groups[name]
        return EmptyResult()

    def describe_model_package_group(self) -> ActionResult:
        """Describe a group by name or ARN."""
        self.params["ModelPackageGroupName"] = self._get_param("ModelPackageGroupName").rsplit("/", 1)[-1]
        return super().describe_model_package_group()

    def create_model_package(self) -> ActionResult:
        """Register a package, once for each ClientToken; version numbers are never reused."""
        self._check_card()
        if self._get_param("ModelPackageGroupName"):
            group_name = self._get_param("ModelPackageGroupName").rsplit("/", 1)[-1]
            self.params["ModelPackageGroupName"] = group_name
            if not self._get_param("ModelApprovalStatus"):
                self.params["ModelApprovalStatus"] = "PendingManualApproval"
        token = self._get_param("ClientToken")
        with self.plane.changes:
            for package in self.sagemaker_backend.model_packages.values():
                if token and package.client_token == token:
                    return ActionResult({"ModelPackageArn": package.arn})
            result = super().create_model_package()
            package = self.sagemaker_backend.model_packages[result.result["ModelPackageArn"]]
            if package.model_package_group_name:
                package = self._renumber(package)
            package.tags = list(package.tags or [])
            package.local_members = {
                name: self._get_param(name) for name in _DROPPED if self._get_param(name) is not None
            }
        self._emit_package_change(package)
        return ActionResult({"ModelPackageArn": package.arn})

    def _renumber(self, package: ModelPackage) -> ModelPackage:
        """Give a new package the version after the highest ever used; moto reuses deleted versions."""
        backend = self.sagemaker_backend
        group = backend.model_package_groups[package.model_package_group_name]
        version = getattr(group, "local_versions", 0) + 1
        group.local_versions = version
        if package.model_package_version == version:
            return package
        taken = backend.model_packages.pop(package.arn)
        displaced = package.arn
        package.model_package_version = version
        package.arn = f"{displaced.rsplit('/', 1)[0]}/{version}"
        backend.model_packages[package.arn] = taken
        backend.model_package_name_mapping[package.arn] = package.arn
        return package

    def update_model_package(self) -> ActionResult:
        """Change the given members of a package and keep the others."""
        self._check_card()
        package = self._package(self._get_param("ModelPackageArn"))
        with self.plane.changes:
            before = {name: getattr(package, name) for name in _KEPT_ON_UPDATE}
            properties = self._get_param("CustomerMetadataProperties")
            removed = self._get_param("CustomerMetadataPropertiesToRemove") or []
            self.params["CustomerMetadataPropertiesToRemove"] = []
            super().update_model_package()
            if self._get_param("ModelApprovalStatus") is None:
                package.model_approval_status = before["model_approval_status"]
            if self._get_param("ApprovalDescription") is None:
                package.approval_description = before["approval_description"]
            merged = {**(before["customer_metadata_properties"] or {}), **(properties or {})}
            kept = {name: value for name, value in merged.items() if name not in removed}
            package.customer_metadata_properties = kept or None
            if self._get_param("InferenceSpecification") is not None:
                package.inference_specification = self._get_param("InferenceSpecification")
            for name in _DROPPED:
                if self._get_param(name) is not None:
                    package.local_members[name] = self._get_param(name)
        self._emit_package_change(package)
        return ActionResult({"ModelPackageArn": package.arn})

    def describe_model_package(self) -> ActionResult:
        """Describe a package with all registered members."""
        package = self._package(self._get_param("ModelPackageName"))
        return ActionResult(_described(package))

    def delete_model_package(self) -> ActionResult:
        """Delete a package."""
        with self.plane.changes:
            package = self._package(self._get_param("ModelPackageName"))
            backend = self.sagemaker_backend
            del backend.model_packages[package.arn]
            for name in [
                key for key, arn in backend.model_package_name_mapping.items() if arn == package.arn
            ]:
                del backend.model_package_name_mapping[name]
        return EmptyResult()

    def add_tags(self) -> ActionResult:
        """Add tags to a resource or overwrite their values."""
        resource = self._tagged(self._get_param("ResourceArn"))
        with self.plane.changes:
            tags = {each["Key"]: each["Value"] for each in resource.tags or []}
            tags.update({each["Key"]: each["Value"] for each in self._get_param("Tags")})
            resource.tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        return ActionResult({"Tags": resource.tags})

    def list_tags(self) -> ActionResult:
        """List a resource's tags."""
        return ActionResult({"Tags": self._tagged(self._get_param("ResourceArn")).tags or []})

    def delete_tags(self) -> ActionResult:
        """Remove tags from a resource."""
        resource = self._tagged(self._get_param("ResourceArn"))
        removed = set(self._get_param("TagKeys"))
        resource.tags = [each for each in resource.tags or [] if each["Key"] not in removed]
        return EmptyResult()

    def _check_card(self) -> None:
        card = self._get_param("ModelCard") or {}
        problems = model_card.problems(card.get("ModelCardContent") or "{}")
        if problems:
            raise ValidationError(f"The model card does not match its schema: {'; '.join(problems)}.")

    def _tagged(self, arn: str) -> Any:
        """Return the resource of an ARN, which can be a version of a package."""
        kind, _, name = arn.split(":", 5)[-1].partition("/")
        if kind == "model-package":
            return self._package(arn)
        resource = None
        if "/" not in name:
            resource = self.sagemaker_backend._get_resource_from_arn(arn)
        if resource is None:
            raise ValidationError(f"Could not find a resource with ARN {arn}.")
        return resource

    def _package(self, name_or_arn: str) -> ModelPackage:
        backend = self.sagemaker_backend
        package = backend.model_packages.get(backend.model_package_name_mapping.get(name_or_arn, name_or_arn))
        if package is None:
            raise ValidationError(f"ModelPackage {name_or_arn} does not exist.")
        return package

    def _group_arn(self, name: str) -> str:
        return sagemaker_arn(self.region, "model-package-group", name)

    def _emit_package_change(self, package: ModelPackage) -> None:
        detail = _described(package)
        detail["LastModifiedTime"] = detail.get("LastModifiedTime") or now()
        self.plane.emit("SageMaker Model Package State Change", [package.arn], detail)


def _described(package: ModelPackage) -> dict[str, Any]:
    extra: Mapping[str, Any] = getattr(package, "local_members", {})
    return present({**package.gen_response_object(), **extra})
