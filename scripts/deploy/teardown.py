"""Taking the service out of an account again, in an order that works, and saying what stays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.aws import transform_jobs
from scripts.aws.failures import unless_changed
from scripts.aws.files import PlaceError, remove_below
from scripts.aws.stacks import DeploymentError, Event, OnEvent, Stack, ignore
from scripts.deploy.deployment import BEING_DESTROYED, LOG_ROLE

if TYPE_CHECKING:
    import boto3

    from pipeline.project import Project

_PAUSE = 5.0
_ENDPOINT_ATTEMPTS = 360
_JOB_LOGS = tuple(f"/aws/sagemaker/{kind}Jobs" for kind in ("Processing", "Training", "Transform"))
_GONE_CODES = {"404", "NoSuchBucket", "NoSuchEntity", "ParameterNotFound"}
_GONE = ("could not find", "does not exist", "not found", "unable to describe")


@dataclass
class Teardown:
    """What is gone and what stays, in words."""

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def destroy(
    session: boto3.Session,
    project: Project,
    *,
    delete_data: bool = False,
    on_event: OnEvent = ignore,
    sleep: Callable[[float], None] = time.sleep,
) -> Teardown:
    """Remove the service. It can be interrupted and repeated at any point.

    Parameters
    ----------
    delete_data
        Remove data, models (every version of every object) and model packages, too.

    Raises
    ------
    DeploymentError
        If something could not be removed.
    """
    work = _Work(session, project, on_event, sleep)
    # First nothing may bring back what is removed next.
    work.silence()
    work.stop_executions()
    work.delete_endpoint()
    work.delete_generations()
    work.delete_pipeline()
    if Stack(session.client("cloudformation"), project.service_stack, on_event, sleep).delete():
        work.removed("stack", project.service_stack)
    # A call that still ran may have made another one.
    work.delete_endpoint()
    work.delete_generations()
    work.delete_logs()
    if delete_data:
        work.delete_packages()
        work.empty_bucket()
        if Stack(session.client("cloudformation"), project.storage_stack, on_event, sleep).delete():
            work.removed("stack", project.storage_stack)
    work.list_kept()
    return work.teardown


class _Work:
    """The steps of a teardown; each is content with finding nothing to do."""

    def __init__(
        self, session: boto3.Session, project: Project, on_event: OnEvent, sleep: Callable[[float], None]
    ) -> None:
        self._session = session
        self._project = project
        self._on_event = on_event
        self._sleep = sleep
        self._sagemaker: Any = session.client("sagemaker")
        self.teardown = Teardown()

    def removed(self, kind: str, name: str) -> None:
        self.teardown.removed.append(f"{kind} {name}")
        self._on_event(Event("destroy", f"{kind} {name}", "removed"))

    def silence(self) -> None:
        """Switch off the rules that call deploy_model; tell a call under way that the endpoint is to go."""
        stack = Stack(self._session.client("cloudformation"), self._project.service_stack)
        events: Any = self._session.client("events")
        for rule in stack.resources("AWS::Events::Rule"):
            if _unless_gone(lambda rule=rule: events.disable_rule(Name=rule)):  # type: ignore[misc]
                self._on_event(Event("destroy", f"rule {rule}", "disabled"))
        ssm: Any = self._session.client("ssm")
        for name in stack.resources("AWS::SSM::Parameter"):
            found = _unless_gone(lambda name=name: ssm.get_parameter(Name=name))  # type: ignore[misc]
            # What a person paused stays so, should this be interrupted and the service be deployed again.
            if found and found["Parameter"]["Value"] == "false":
                ssm.put_parameter(Name=name, Value=BEING_DESTROYED, Overwrite=True)

    def stop_executions(self) -> None:
        """Stop what runs: a pipeline with running executions can't be deleted."""
        from pipeline.service import stop

        name = self._project.pipeline
        if not _unless_gone(lambda: self._sagemaker.describe_pipeline(PipelineName=name)):
            return
        stopped: set[str] = set()
        while running := self._running():
            for arn in sorted(running - stopped):
                unless_changed(stop, sagemaker=self._sagemaker, arn=arn)
                stopped.add(arn)
                self._on_event(Event("destroy", f"execution {arn.rpartition('/')[2]}", "stopping"))
            self._sleep(_PAUSE)

    def delete_endpoint(self) -> None:
        """Delete the endpoint; one that is being changed can only be deleted afterwards."""
        name = self._project.endpoint
        asked = False
        for _ in range(_ENDPOINT_ATTEMPTS):
            endpoint = _unless_gone(lambda: self._sagemaker.describe_endpoint(EndpointName=name))
            if not endpoint:
                if asked:
                    self.removed("endpoint", name)
                return
            if endpoint["EndpointStatus"] in {"InService", "Failed", "OutOfService", "UpdateRollbackFailed"}:
                unless_changed(self._sagemaker.delete_endpoint, EndpointName=name)
                asked = True
                # On local AWS it is gone at once.
                self._sleep(0.1)
            else:
                asked = asked or endpoint["EndpointStatus"] == "Deleting"
                self._sleep(_PAUSE)
        raise DeploymentError(f"The endpoint {name} could not be deleted in half an hour; run destroy again.")

    def delete_generations(self) -> None:
        """Delete what deploy_model made, and the models that interrupted scoring left."""
        ours = re.compile(rf"{re.escape(self._project.name)}-(v\d+|score-\d+-\d+)-[0-9a-f]+")
        for kind, operation, items, key in (
            ("endpoint configuration", "endpoint_config", "EndpointConfigs", "EndpointConfigName"),
            ("model", "model", "Models", "ModelName"),
        ):
            pages = self._sagemaker.get_paginator(f"list_{operation}s").paginate(
                NameContains=f"{self._project.name}-"
            )
            names = [item[key] for page in pages for item in page[items]]
            for name in filter(ours.fullmatch, names):
                # The transform job of a model's name would go on, and cost.
                stopping = kind == "model" and transform_jobs.stop(
                    self._sagemaker, name, lambda: self._sleep(_PAUSE)
                )
                if stopping:
                    self._on_event(Event("destroy", f"transform job {name}", "stopped"))
                delete = getattr(self._sagemaker, f"delete_{operation}")
                if _unless_gone(lambda delete=delete, key=key, name=name: delete(**{key: name})):  # type: ignore[misc]
                    self.removed(kind, name)

    def delete_pipeline(self) -> None:
        name = self._project.pipeline
        if _unless_gone(lambda: self._sagemaker.describe_pipeline(PipelineName=name)):
            # Gone it may be by now, where an answer was lost and the request was sent again.
            _unless_gone(lambda: self._sagemaker.delete_pipeline(PipelineName=name))
            self.removed("pipeline", name)

    def delete_logs(self) -> None:
        """Delete log groups that a late call made again; the stack deleted the others."""
        logs: Any = self._session.client("logs")
        name = self._project.name
        for group in (
            f"/aws/lambda/{self._project.predict_function}",
            f"/aws/lambda/{self._project.deploy_function}",
            f"/aws/sagemaker/Endpoints/{name}",
            f"/aws/apigateway/{name}",
        ):
            if _unless_gone(lambda group=group: logs.delete_log_group(logGroupName=group)):  # type: ignore[misc]
                self.removed("log group", group)

    def delete_packages(self) -> None:
        for arn in self._packages():
            _unless_gone(lambda arn=arn: self._sagemaker.delete_model_package(ModelPackageName=arn))  # type: ignore[misc]
            self.removed("model package", arn.partition("model-package/")[2])

    def empty_bucket(self) -> None:
        """Delete every version of every object, and every marker of a deleted one."""
        s3: Any = self._session.client("s3")
        bucket = self._project.bucket
        try:
            count = remove_below(s3, bucket, "")
        except PlaceError as error:
            raise DeploymentError(str(error)) from error
        except ClientError as error:
            if not _is_gone(error):
                raise
            count = 0
        if count:
            self.removed("objects in", f"s3://{bucket} ({count} versions)")

    def list_kept(self) -> None:
        s3: Any = self._session.client("s3")
        project = self._project
        if _unless_gone(lambda: s3.head_bucket(Bucket=project.bucket)):
            self.teardown.kept.append(f"s3://{project.bucket} (data, code, models and runs)")
        packages = len(list(self._packages()))
        if packages:
            self.teardown.kept.append(
                f"{packages} model package(s) in the group {project.model_package_group}"
            )
        if Stack(self._session.client("cloudformation"), project.storage_stack).describe():
            self.teardown.kept.append(f"stack {project.storage_stack}, which holds bucket and group")
        iam: Any = self._session.client("iam")
        if _unless_gone(lambda: iam.get_role(RoleName=LOG_ROLE)):
            self.teardown.kept.append(f"role {LOG_ROLE}, by which API Gateway writes the account's logs")
        logs: Any = self._session.client("logs")
        for group in _JOB_LOGS:
            if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                self.teardown.kept.append(f"log group {group}, shared by all jobs of the account")

    def _running(self) -> set[str]:
        pages = self._sagemaker.get_paginator("list_pipeline_executions").paginate(
            PipelineName=self._project.pipeline
        )
        return {
            execution["PipelineExecutionArn"]
            for page in pages
            for execution in page["PipelineExecutionSummaries"]
            if execution["PipelineExecutionStatus"] in {"Executing", "Stopping"}
        }

    def _packages(self) -> Iterable[str]:
        group = self._project.model_package_group
        try:
            pages = list(
                self._sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
            )
        except ClientError as error:
            if not _is_gone(error):
                raise
            return []
        return [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]


def _unless_gone(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or None if what it is about is not there."""
    try:
        return call() or True
    except ClientError as error:
        if _is_gone(error):
            return None
        raise


def _is_gone(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    message = error.response["Error"].get("Message", "").lower()
    named = code in _GONE_CODES or code.startswith("ResourceNotFound")
    return named or (code == "ValidationException" and any(text in message for text in _GONE))
