"""Decides and takes the next step from the current endpoint to the desired one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy_model.bakes import Bakes
from deploy_model.publication import NoAnswerError, Publication, UnfitPackageError
from deploy_model.registry import Package, Registry
from deploy_model.scaling import Scaling
from deploy_model.serving import MOVING, Endpoint, Serving
from deploy_model.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_ssm import SSMClient

Step = dict[str, Any]

# Requests for each instance of a version that bakes: enough to find a failure of one in twenty.
BAKE_REQUESTS = 60


class Reconciler:
    """Updates the endpoint to the newest approved model, whatever state it is in.

    Every call reads the current state and ignores the event's contents, so events can be repeated, lost or
    out of order. State between calls is stored on the resources: in the endpoint's tags and in the packages'
    metadata.

    Parameters
    ----------
    settings
        Names, role and sizes of the endpoint.
    sagemaker, runtime, autoscaling, cloudwatch, s3, ssm
        Clients.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sagemaker: SageMakerClient,
        runtime: SageMakerRuntimeClient,
        autoscaling: Any,
        cloudwatch: CloudWatchClient,
        s3: S3Client,
        ssm: SSMClient,
    ) -> None:
        self._settings = settings
        self._ssm = ssm
        self._registry = Registry(sagemaker, settings.group, settings.name_for)
        self._serving = Serving(sagemaker, settings)
        self._scaling = Scaling(autoscaling, settings)
        self._bakes = Bakes(cloudwatch, settings)
        self._publication = Publication(s3, runtime, settings)

    def step(self) -> Step:
        """Take one step.

        Returns
        -------
        dict
            ``action`` and, depending on it, ``version``, ``config``, ``reason``. Actions: ``none``, ``wait``,
            ``create_endpoint``, ``update_endpoint``, ``delete_endpoint``, ``publish``.
            ``unfit`` gives the reasons for versions that were given up in this call, and ``rolled_back`` the
            reasons for those that an alarm rolled back. ``given_up`` lists the approved versions that are
            skipped because they failed too often. ``blocked`` says why only a person can go on. During an
            update, ``aborted`` is the version that is being rolled back, and ``asked`` counts the requests
            that were sent to a new version.

        Raises
        ------
        NoAnswerError
            If the endpoint did not answer the smoke test; the next call tries again.
        """
        endpoint = self._serving.observe()
        if endpoint is not None and endpoint.status in MOVING:
            return self._watch(endpoint)
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

    def _watch(self, endpoint: Endpoint) -> Step:
        """Look at an update that is in progress."""
        step = _wait(endpoint)
        config = endpoint.pending
        if endpoint.status != "Updating" or config is None:
            return step
        if endpoint.attempted != config:
            self._serving.note_attempt(endpoint, config)
        version = self._serving.version_of(config)
        if version is None or self._settings.mode == "serverless":
            return step
        package = self._registry.approved(version)
        if package is None:
            self._bakes.abort(config, f"Version {version} is no longer approved.")
            return {**step, "aborted": str(version)}
        if not endpoint.bakes:
            return step
        try:
            # An instance of the new version gets its share of them, so that a service without clients also
            # finds a failing version.
            count = BAKE_REQUESTS * max(1, endpoint.pending_instances)
            asked = self._publication.ask_repeatedly(package, self._publication.contract_of(package), count)
        except UnfitPackageError as error:
            self._bakes.abort(config, str(error))
            return {**step, "aborted": str(version)}
        return {**step, "asked": asked}

    def _step_from(self, endpoint: Endpoint | None) -> Step:
        # First, because otherwise a pause would forget that the version was rolled back.
        rolled_back = {} if endpoint is None else self._end_attempt(endpoint)
        step = self._step_toward_desired(endpoint)
        return {**step, "rolled_back": rolled_back} if rolled_back else step

    def _step_toward_desired(self, endpoint: Endpoint | None) -> Step:
        if self._is_paused():
            return self._without_endpoint(endpoint, "The endpoint is paused.")
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

    def _end_attempt(self, endpoint: Endpoint) -> dict[str, str]:
        """Record a failed creation, or a failed update that kept the old configuration.

        The tag of the attempt is removed even after a success. Otherwise, if the tag of a later attempt were
        lost, the old tag would look like a failure.

        Returns
        -------
        dict
            The version that an alarm rolled back, and the reason.
        """
        attempted = endpoint.attempted
        if attempted is None:
            return {}
        rolled_back = {}
        failed = endpoint.status != "InService" or attempted != endpoint.config
        version = self._serving.version_of(attempted)
        # A failure under earlier settings does not count.
        if failed and version is not None and attempted == self._settings.name_for(version):
            cause = self._bakes.cause(attempted)
            reason = cause or endpoint.failure_reason or f"The update failed and kept {endpoint.config}."
            self._registry.record_failure(version, reason, final=cause is not None)
            if cause is not None:
                rolled_back[str(version)] = cause
        self._serving.forget_attempt(endpoint)
        return rolled_back

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
        config, _ = self._prepare(package)
        with self._recording(package, "ResourceLimitExceeded"):
            self._serving.create(config)
        return {"action": "create_endpoint", "version": str(package.version), "config": config}

    def _change(self, endpoint: Endpoint, package: Package) -> Step:
        if endpoint.status == "UpdateRollbackFailed":
            reason = (
                "The last update and its rollback failed. The endpoint keeps serving; `bankruptcy pause` and "
                "`bankruptcy resume` create it again."
            )
            return {"action": "none", "config": endpoint.config, "blocked": reason}
        if endpoint.status != "InService":
            reason = f"An endpoint in status {endpoint.status} can only be deleted: {endpoint.failure_reason}"
            return self._without_endpoint(endpoint, reason)
        if endpoint.config == self._settings.name_for(package.version):
            return self._verify(endpoint, package)
        if endpoint.serverless is not (self._settings.mode == "serverless"):
            reason = f"An update cannot change to mode {self._settings.mode}, so the endpoint is recreated."
            return self._without_endpoint(endpoint, reason)
        config, contract = self._prepare(package)
        if not self._settings.scales or endpoint.instance_type != self._settings.instance_type:
            # SageMaker does not change the instance type of an endpoint with a scaling target.
            self._scaling.stop()
        with self._recording(package, "ResourceLimitExceeded"):
            self._serving.update(endpoint, config, self._guard(endpoint, config, contract))
        return {
            "action": "update_endpoint",
            "version": str(package.version),
            "config": config,
            "from": endpoint.config,
        }

    def _guard(self, endpoint: Endpoint, config: str, contract: dict[str, Any]) -> dict[str, Any] | None:
        """Make the rollback alarms of an update; return its deployment configuration, None if serverless."""
        if self._settings.mode == "serverless":
            return None
        self._bakes.make_alarms(config)
        instances = endpoint.instances if self._settings.scales else self._settings.min_instances
        is_same_contract = (
            endpoint.verified == endpoint.config
            and self._publication.published_contract() == contract["contract"]
        )
        # While a canary bakes, either version can answer, so both must have the same contract.
        return self._bakes.deployment_config(config, canary=instances > 1 and is_same_contract)

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
        removed = self._serving.remove_old(endpoint.config, self._bakes.delete_alarms)
        return {**step, "removed": removed} if removed else step

    def _prepare(self, package: Package) -> tuple[str, dict[str, Any]]:
        """Make the endpoint configuration of a package; return its name, and the package's contract."""
        # Without a valid contract the endpoint could not be verified, so do not deploy.
        contract = self._publication.contract_of(package)
        self._publication.check_archive(package)
        with self._recording(package, "ResourceLimitExceeded", "ValidationException"):
            config = self._serving.prepare(package)
        self._publication.announce(package, contract)
        return config, contract

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
