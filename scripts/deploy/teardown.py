"""Removes the service from an account, in an order that works, and lists what is kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from scripts.aws import transform_jobs
from scripts.aws.failures import is_gone, unless_changed, unless_gone
from scripts.aws.files import FileError, remove_below
from scripts.aws.registry import ModelVersion, list_versions
from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError, Event, OnEvent, Stack, ignore
from scripts.deploy.deployment import LOG_ROLE
from scripts.deploy.endpoint import BEING_DESTROYED, MOVING, rollback_alarms, version_of

_POLL_SECONDS = 5.0
_ENDPOINT_ATTEMPTS = 360
_JOB_LOGS = tuple(f"/aws/sagemaker/{kind}Jobs" for kind in ("Processing", "Training", "Transform"))


@dataclass
class Teardown:
    """Texts about what is removed and kept, and about data that AWS deletes although it should be kept."""

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def destroy(
    aws: Aws,
    *,
    delete_data: bool = False,
    on_event: OnEvent = ignore,
    sleep: Callable[[float], None] = time.sleep,
) -> Teardown:
    """Remove the service. It can be interrupted and repeated at any point.

    Parameters
    ----------
    delete_data
        Whether to remove the data, the models (every version of every object) and the model packages, too.

    Raises
    ------
    DeploymentError
        If something could not be removed.
    """
    work = _Work(aws, on_event, sleep)
    # First stop everything that could create the removed resources again.
    work.disable_deploy_model()
    work.stop_executions()
    work.delete_endpoint()
    work.delete_models()
    work.delete_rollback_alarms()
    work.delete_pipelines()
    if not delete_data:
        work.list_lost()
    work.delete_stack(aws.project.service_stack)
    # A deploy_model call that was still running may have created them again.
    work.delete_endpoint()
    work.delete_models()
    work.delete_rollback_alarms()
    work.delete_logs()
    if delete_data:
        work.delete_packages()
        work.empty_bucket()
        work.delete_stack(aws.project.storage_stack)
    work.list_kept()
    return work.teardown


class _Work:
    """The steps of a teardown; each may find nothing to do."""

    def __init__(self, aws: Aws, on_event: OnEvent, sleep: Callable[[float], None]) -> None:
        self._aws = aws
        self._project = aws.project
        self._on_event = on_event
        self._sleep = sleep
        self._sagemaker = aws.client("sagemaker")
        self.teardown = Teardown()

    def _report(self, subject: str, status: str) -> None:
        self._on_event(Event("destroy", subject, status))

    def _removed(self, kind: str, name: str) -> None:
        self.teardown.removed.append(f"{kind} {name}")
        self._report(f"{kind} {name}", "removed")

    def disable_deploy_model(self) -> None:
        """Disable the rules that call deploy_model, and tell a running call to delete the endpoint."""
        stack = Stack(self._aws, self._project.service_stack)
        events, ssm = self._aws.client("events"), self._aws.client("ssm")
        for rule in stack.resources("AWS::Events::Rule"):
            if unless_gone(events.disable_rule, Name=rule):
                self._report(f"rule {rule}", "disabled")
        for name in stack.resources("AWS::SSM::Parameter"):
            found = unless_gone(ssm.get_parameter, Name=name)
            # A paused service stays paused if this is interrupted and the service is deployed again.
            if found and found["Parameter"]["Value"] == "false":
                ssm.put_parameter(Name=name, Value=BEING_DESTROYED, Overwrite=True)

    def stop_executions(self) -> None:
        """Stop the running executions; a pipeline that has some can't be deleted."""
        from pipeline.service import stop

        stopped: set[str] = set()
        while running := self._running_executions():
            for arn in sorted(running - stopped):
                unless_changed(stop, sagemaker=self._sagemaker, arn=arn)
                stopped.add(arn)
                self._report(f"execution {arn.rpartition('/')[2]}", "stopping")
            self._sleep(_POLL_SECONDS)

    def delete_endpoint(self) -> None:
        """Delete the endpoint; while it is being changed, wait, as it can't be deleted."""
        name = self._project.endpoint
        was_deleted = False
        for _ in range(_ENDPOINT_ATTEMPTS):
            endpoint = unless_gone(self._sagemaker.describe_endpoint, EndpointName=name)
            if not endpoint:
                if was_deleted:
                    self._removed("endpoint", name)
                return
            status = endpoint["EndpointStatus"]
            if status in MOVING:
                was_deleted = was_deleted or status == "Deleting"
                self._sleep(_POLL_SECONDS)
            else:
                unless_changed(self._sagemaker.delete_endpoint, EndpointName=name)
                was_deleted = True
                # Local AWS deletes it at once.
                self._sleep(0.1)
        raise DeploymentError(
            f"The endpoint {name} could not be deleted within half an hour.",
            "Run `bankruptcy destroy` again.",
        )

    def delete_models(self) -> None:
        """Delete deploy_model's configurations and models, and the models of interrupted scoring jobs."""
        for kind, operation, key, delete in (
            ("endpoint configuration", "list_endpoint_configs", "EndpointConfig", "delete_endpoint_config"),
            ("model", "list_models", "Model", "delete_model"),
        ):
            prefix = f"{self._project.name}-"
            found = self._aws.list_all("sagemaker", operation, f"{key}s", NameContains=prefix)
            for name in [item[f"{key}Name"] for item in found]:
                is_scoring = transform_jobs.is_name(self._project, name)
                if not is_scoring and version_of(self._project, name) is None:
                    continue
                # A scoring job has the name of its model; left running, it would keep costing money.
                if is_scoring and transform_jobs.stop(self._aws, name, self._sleep):
                    self._report(f"transform job {name}", "stopped")
                if unless_gone(getattr(self._sagemaker, delete), **{f"{key}Name": name}):
                    self._removed(kind, name)

    def delete_rollback_alarms(self) -> None:
        """Delete the alarms that deploy_model made for its updates."""
        cloudwatch = self._aws.client("cloudwatch")
        for name in rollback_alarms(self._aws):
            unless_gone(cloudwatch.delete_alarms, AlarmNames=[name])
            self._removed("alarm", name)

    def delete_pipelines(self) -> None:
        """Delete the pipelines."""
        for name in self._pipelines():
            # A retry after a lost answer finds it gone.
            unless_gone(self._sagemaker.delete_pipeline, PipelineName=name)
            self._removed("pipeline", name)

    def list_lost(self) -> None:
        """List the undelivered predictions, which AWS deletes together with the stream."""
        # Local AWS delivers them before it deletes a stream.
        if self._aws.is_local:
            return
        parameters = Stack(self._aws, self._project.service_stack).parameters()
        if parameters.get("PredictionLog", "off") != "off":
            seconds = parameters["PredictionLogSeconds"]
            self.teardown.lost.append(
                f"predictions of the last {seconds} s that Firehose had not written yet"
            )

    def delete_stack(self, name: str) -> None:
        """Delete a stack."""
        if Stack(self._aws, name, self._on_event, self._sleep).delete():
            self._removed("stack", name)

    def delete_logs(self) -> None:
        """Delete the log groups that a late call created again; the stack has deleted the others."""
        logs = self._aws.client("logs")
        name = self._project.name
        for group in (
            f"/aws/lambda/{self._project.predict_function}",
            f"/aws/lambda/{self._project.deploy_function}",
            f"/aws/lambda/{self._project.notices_function}",
            f"/aws/lambda/{self._project.watch_function}",
            f"/aws/lambda/{self._project.monitor_function}",
            f"/aws/sagemaker/Endpoints/{name}",
            f"/aws/apigateway/{name}",
        ):
            if unless_gone(logs.delete_log_group, logGroupName=group):
                self._removed("log group", group)

    def delete_packages(self) -> None:
        """Delete the model packages."""
        for version in self._versions():
            unless_gone(self._sagemaker.delete_model_package, ModelPackageName=version.arn)
            self._removed("model package", version.arn.partition("model-package/")[2])

    def empty_bucket(self) -> None:
        """Delete every version of every object, and every delete marker."""
        try:
            count = remove_below(self._aws, "")
        except FileError as error:
            raise DeploymentError(error.problem) from error
        except ClientError as error:
            if not is_gone(error):
                raise
            return
        if count:
            self._removed("objects in", f"s3://{self._project.bucket} ({count} versions)")

    def list_kept(self) -> None:
        """List what remains in the account."""
        project, kept = self._project, self.teardown.kept
        if unless_gone(self._aws.client("s3").head_bucket, Bucket=project.bucket):
            kept.append(f"s3://{project.bucket} (data, code, models, predictions and runs)")
        if versions := self._versions():
            kept.append(f"{len(versions)} model package(s) in the group {project.model_package_group}")
        if Stack(self._aws, project.storage_stack).describe():
            kept.append(f"stack {project.storage_stack}, which contains the bucket and the group")
        if unless_gone(self._aws.client("iam").get_role, RoleName=LOG_ROLE):
            kept.append(f"role {LOG_ROLE}, with which API Gateway writes the account's logs")
        logs = self._aws.client("logs")
        for group in _JOB_LOGS:
            if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                kept.append(f"log group {group}, shared by all jobs of the account")

    def _running_executions(self) -> set[str]:
        return {
            execution["PipelineExecutionArn"]
            for name in self._pipelines()
            for execution in self._aws.list_all(
                "sagemaker", "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=name
            )
            if execution["PipelineExecutionStatus"] in {"Executing", "Stopping"}
        }

    def _pipelines(self) -> list[str]:
        """Return the names of the pipelines that exist."""
        return [
            name
            for name in (self._project.pipeline, self._project.monitoring_pipeline)
            if unless_gone(self._sagemaker.describe_pipeline, PipelineName=name)
        ]

    def _versions(self) -> tuple[ModelVersion, ...]:
        found: Any = unless_gone(list_versions, aws=self._aws)
        return found or ()
