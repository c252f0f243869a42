"""Reads which facts an event is about, and makes the notice of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from send_notices.notice import Notice
from send_notices.texts import Texts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

VERSION_EVENT = "SageMaker Model Package State Change"
EXECUTION_EVENT = "SageMaker Model Building Pipeline Execution Status Change"
ALARM_EVENT = "CloudWatch Alarm State Change"


class Facts:
    """Reads the facts of events. Events can be outdated, so the registry decides.

    Parameters
    ----------
    sagemaker, s3
        Clients.
    project
        Name of the project, which commands in the notices contain.
    packages_arn
        ARN of the versions, without the number.
    """

    def __init__(self, sagemaker: SageMakerClient, s3: S3Client, project: str, packages_arn: str) -> None:
        self._sagemaker = sagemaker
        self._s3 = s3
        self._packages_arn = packages_arn
        self._texts = Texts(project)
        # The reason of a rollback begins with the name of its alarm.
        self._rollback = f"{project}-rollback-"

    def notices(self, event: Mapping[str, Any]) -> Iterator[Notice]:
        """Yield the notices of an event of SageMaker or CloudWatch, or of a finished call of deploy_model.

        Raises
        ------
        ValueError
            If it is another event.
        """
        kind = event.get("detail-type")
        if kind == VERSION_EVENT:
            yield from self._version(event)
        elif kind == EXECUTION_EVENT:
            yield from self._execution(event)
        elif kind == ALARM_EVENT:
            yield self._ended_alarm(event)
        elif "responsePayload" in event:  # Lambda's record of an asynchronous call
            yield from self._step(event["responsePayload"], event["timestamp"])
        else:
            raise ValueError(f"send_notices does not know this event: {kind or sorted(event)}")

    def _version(self, event: Mapping[str, Any]) -> Iterator[Notice]:
        """Yield a notice if a version waits for approval."""
        package = self._describe(event["detail"]["ModelPackageArn"])
        if package["ModelApprovalStatus"] != "PendingManualApproval":
            return
        version = str(package["ModelPackageVersion"])
        metadata = package.get("CustomerMetadataProperties", {})
        evaluation = self._evaluation(metadata["EvaluationUri"]) if "EvaluationUri" in metadata else None
        title, text = self._texts.waits(version, metadata, evaluation)
        yield Notice(f"version-{version}-waits", version, event["time"], title, text)

    def _execution(self, event: Mapping[str, Any]) -> Iterator[Notice]:
        """Yield a notice of an execution that failed."""
        detail = event["detail"]
        arn = detail["pipelineExecutionArn"]
        execution = arn.rpartition("/")[2]
        pages = self._sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn
        )
        steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
        failed = [step for step in steps if step.get("StepStatus") == "Failed"]
        title, text = self._texts.execution_failed(execution, failed)
        # A retry can fail again, which is another fact.
        ended = str(detail.get("executionEndTime", ""))
        yield Notice(f"execution-{execution}", ended, event["time"], title, text)

    def _ended_alarm(self, event: Mapping[str, Any]) -> Notice:
        """Return the notice that an alarm has ended; the alarm itself has sent its start."""
        name, state = event["detail"]["alarmName"], event["detail"]["state"]
        return Notice(f"alarm-{name}", state["timestamp"], event["time"], *self._texts.alarm_ended(name))

    def _step(self, step: Mapping[str, Any], time: str) -> Iterator[Notice]:
        """Yield the notices of a step of deploy_model.

        Every step names the champion and the versions that were given up, so the next one makes up for a lost
        event.
        """
        if step["action"] in ("none", "publish") and "version" in step:
            version = step["version"]
            yield Notice("champion", version, time, *self._texts.deployed(version))
        if "blocked" in step:
            yield Notice("endpoint", step["config"], time, *self._texts.blocked(step["blocked"]))
        rolled_back = step.get("rolled_back", {})
        given_up = step.get("given_up", [])
        reasons = {**dict.fromkeys(given_up), **step.get("unfit", {}), **rolled_back}
        # The rejection of a version also rolls its deployment back.
        rejected_before = rolled_back.keys() - set(given_up)
        for version, reason in reasons.items():
            package = self._describe(f"{self._packages_arn}/{version}")
            # A person may have rejected it since.
            if package["ModelApprovalStatus"] == "Approved" or version in rejected_before:
                recorded = package.get("CustomerMetadataProperties", {}).get("DeploymentFailedReason", "")
                why = reason or recorded
                # The step after the one that found the rollback can be the first to arrive.
                make = self._texts.rolled_back if why.startswith(self._rollback) else self._texts.given_up
                # deploy_model changes a version that it gives up, and then leaves it alone.
                changed = package["LastModifiedTime"].isoformat()
                yield Notice(f"version-{version}-failed", changed, time, *make(version, why))

    def _describe(self, arn: str) -> dict[str, Any]:
        described: Any = self._sagemaker.describe_model_package(ModelPackageName=arn)
        return dict(described)

    def _evaluation(self, uri: str) -> dict[str, Any]:
        parts = urlsplit(uri)
        found = self._s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))
        evaluation: dict[str, Any] = json.loads(found["Body"].read())
        return evaluation
