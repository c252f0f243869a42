"""Decides and takes the next step from the current endpoint to the desired one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy_model.publication import NoAnswerError, Publication, UnfitPackageError
from deploy_model.registry import Package, Registry
from deploy_model.scaling import Scaling
from deploy_model.serving import MOVING, Endpoint, Serving
from deploy_model.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_ssm import SSMClient

Step = dict[str, Any]


class Reconciler:
    """Updates the endpoint to the newest approved model, whatever state it is in.

    Every call reads the current state and ignores the event's contents, so events can be repeated, lost or
    out of order. State between calls is stored on the resources: in the endpoint's tags and in the packages'
    metadata.

    Parameters
    ----------
    settings
        Names, role and sizes of the endpoint.
    sagemaker, runtime, autoscaling, s3, ssm
        Clients.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sagemaker: SageMakerClient,
        runtime: SageMakerRuntimeClient,
        autoscaling: Any,
        s3: S3Client,
        ssm: SSMClient,
    ) -> None:
        self._settings = settings
        self._ssm = ssm
        self._registry = Registry(sagemaker, settings.group, settings.name_for)
        self._serving = Serving(sagemaker, settings)
        self._scaling = Scaling(autoscaling, settings)
        self._publication = Publication(s3, runtime, settings)

    def step(self) -> Step:
        """Take one step.

        Returns
        -------
        dict
            ``action`` and, depending on it, ``version``, ``config``, ``reason``. Actions: ``none``, ``wait``,
            ``create_endpoint``, ``update_endpoint``, ``delete_endpoint``, ``publish``.
            ``unfit`` gives the reasons for versions that were given up in this call. ``given_up`` lists the
            approved versions that are skipped because they failed too often.

        Raises
        ------
        NoAnswerError
            If the endpoint did not answer the smoke test; the next call tries again.
        """
        endpoint = self._serving.observe()
        if endpoint is not None and endpoint.status in MOVING:
            return _wait(endpoint)
        try:
            return self._step_from(endpoint)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ValidationException":
                raise
            # Two calls can run at the same time. The slower one finds that the change has already started.
            endpoint = self._serving.observe()
            if endpoint is None or endpoint.status not in MOVING:
                raise
            return _wait(endpoint)

    def _step_from(self, endpoint: Endpoint | None) -> Step:
        if self._is_paused():
            return self._without_endpoint(endpoint, "The endpoint is paused.")
        if endpoint is not None:
            self._end_attempt(endpoint)

        unfit: dict[int, str] = {}
        while True:
            package, given_up = self._registry.newest_deployable(besides=unfit.keys())
            if package is None:
                step = self._without_package(endpoint, [*given_up, *map(str, unfit)])
                break
            try:
                step = self._create(package) if endpoint is None else self._change(endpoint, package)
                break
            except UnfitPackageError as error:
                # Try the next version at once, because the running one can be giving wrong answers.
                self._registry.record_failure(package.version, str(error), final=True)
                unfit[package.version] = str(error)
        if unfit:
            step["unfit"] = {str(version): reason for version, reason in unfit.items()}
        if given_up:
            step["given_up"] = given_up
        return step

    def _is_paused(self) -> bool:
        parameter = self._ssm.get_parameter(Name=self._settings.paused_parameter)["Parameter"]
        # "true", or the value that `bankruptcy destroy` writes.
        return parameter["Value"] != "false"

    def _end_attempt(self, endpoint: Endpoint) -> None:
        """Record a failed creation, or a failed update that kept the old configuration.

        The tag of the attempt is removed even after a success. Otherwise, if the tag of a later attempt were
        lost, the old tag would look like a failure.
        """
        attempted = endpoint.attempted
        if attempted is None:
            return
        failed = endpoint.status != "InService" or attempted != endpoint.config
        version = self._serving.version_of(attempted)
        # A failure under earlier settings does not count.
        if failed and version is not None and attempted == self._settings.name_for(version):
            reason = endpoint.failure_reason or f"The update failed and kept {endpoint.config}."
            self._registry.record_failure(version, reason)
        self._serving.forget_attempt(endpoint)

    def _without_endpoint(self, endpoint: Endpoint | None, reason: str) -> Step:
        if endpoint is None:
            return {"action": "none", "reason": reason}
        self._serving.delete()
        return {"action": "delete_endpoint", "config": endpoint.config, "reason": reason}

    def _without_package(self, endpoint: Endpoint | None, given_up: list[str]) -> Step:
        if endpoint is not None and endpoint.status == "InService":
            running = self._serving.version_of(endpoint.config)
            if str(running) in given_up and endpoint.config != self._settings.name_for(running or 0):
                # Every version failed with the new settings, so keep the endpoint with the old ones.
                reason = "No approved package could be deployed with the current settings."
                return {"action": "none", "config": endpoint.config, "reason": reason}
        return self._without_endpoint(endpoint, "There is no approved package to deploy.")

    def _create(self, package: Package) -> Step:
        config = self._prepare(package)
        with self._recording(package, "ResourceLimitExceeded"):
            self._serving.create(config)
        return {"action": "create_endpoint", "version": str(package.version), "config": config}

    def _change(self, endpoint: Endpoint, package: Package) -> Step:
        if endpoint.status != "InService":
            reason = f"An endpoint in status {endpoint.status} can only be deleted: {endpoint.failure_reason}"
            return self._without_endpoint(endpoint, reason)
        if endpoint.config == self._settings.name_for(package.version):
            return self._verify(endpoint, package)
        if endpoint.serverless is not (self._settings.mode == "serverless"):
            reason = f"An update cannot change to mode {self._settings.mode}, so the endpoint is recreated."
            return self._without_endpoint(endpoint, reason)
        config = self._prepare(package)
        if not self._settings.scales or endpoint.instance_type != self._settings.instance_type:
            # SageMaker does not change the instance type of an endpoint with a scaling target.
            self._scaling.stop()
        with self._recording(package, "ResourceLimitExceeded"):
            self._serving.update(endpoint, config)
        return {
            "action": "update_endpoint",
            "version": str(package.version),
            "config": config,
            "from": endpoint.config,
        }

    def _verify(self, endpoint: Endpoint, package: Package) -> Step:
        step: Step = {"action": "none", "version": str(package.version), "config": endpoint.config}
        if endpoint.verified != endpoint.config or not self._publication.is_published(package):
            contract = self._publication.contract_of(package)
            try:
                self._publication.smoke_test(package, contract)
            except NoAnswerError as error:
                # Lambda retries a failed function. After the third failure the version is given up.
                self._registry.record_failure(package.version, str(error))
                raise
            self._publication.publish(package, contract)
            self._registry.forget_failures(package)
            self._serving.note_verified(endpoint)
            step["action"] = "publish"
        # Every time, because a person or a failed update may have stopped scaling.
        self._scaling.start()
        removed = self._serving.remove_old(endpoint.config)
        return {**step, "removed": removed} if removed else step

    def _prepare(self, package: Package) -> str:
        # Without a valid contract the endpoint could not be verified, so do not deploy.
        contract = self._publication.contract_of(package)
        self._publication.check_archive(package)
        with self._recording(package, "ResourceLimitExceeded", "ValidationException"):
            config = self._serving.prepare(package)
        self._publication.announce(package, contract)
        return config

    @contextmanager
    def _recording(self, package: Package, *codes: str) -> Iterator[None]:
        """Record an error that a retry alone cannot fix, such as an exceeded quota, on the package."""
        try:
            yield
        except ClientError as error:
            details = error.response.get("Error", {})
            if details.get("Code") in codes:
                self._registry.record_failure(package.version, details.get("Message", str(error)))
            raise


def _wait(endpoint: Endpoint) -> Step:
    return {"action": "wait", "reason": f"The endpoint is {endpoint.status}."}
