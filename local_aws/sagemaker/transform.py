"""Adapter: batch transform jobs that really run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.models import FakeTransformJob
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.clock import now
from local_aws.jobs.background import JobState
from local_aws.jobs.transform_settings import read_settings
from local_aws.sagemaker.plane import (
    Plane,
    ResourceInUseException,
    ResourceNotFound,
    ValidationError,
    model_spec,
    page,
    present,
)

_ENDED = ("Completed", "Failed", "Stopped")
_SUMMARY = (
    "TransformJobName",
    "TransformJobArn",
    "CreationTime",
    "TransformEndTime",
    "LastModifiedTime",
    "TransformJobStatus",
    "FailureReason",
)
_SORTED_BY = {"Name": "TransformJobName", "CreationTime": "CreationTime", "Status": "TransformJobStatus"}


class TransformActions(SageMakerResponse):  # type: ignore[misc]
    """Create, describe, list and stop transform jobs."""

    plane: Plane

    def create_transform_job(self) -> ActionResult:
        """Start a transform job."""
        request = copy.deepcopy(dict(self.params))
        name, model = request["TransformJobName"], request["ModelName"]
        try:
            settings = read_settings(request)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        with self.plane.lock:
            jobs = self.sagemaker_backend.transform_jobs
            if name in jobs:
                raise ResourceInUseException(
                    f"Job name must be unique within an AWS account and region, and a job with this name "
                    f"already exists ({jobs[name].arn})"
                )
            if model not in self.sagemaker_backend._models:
                arn = f"arn:aws:sagemaker:{self.region}:{self.current_account}:model/{model}"
                raise ValidationError(f'Could not find model "{arn}".')
            spec = model_spec(self.plane.region, model)
            result = super().create_transform_job()
            job = jobs[name]
            job.transform_job_status = "InProgress"
            # moto's moments have no zone.
            job.creation_time = job.last_modified_time = now()
            job.transform_start_time = job.transform_end_time = job.failure_reason = None
            job.labeling_job_arn = job.auto_ml_job_arn = None
        self.plane.transforms.run(settings, spec, self._follow(job))
        return result

    def list_transform_jobs(self) -> ActionResult:
        """List transform jobs, the newest first unless the request says otherwise."""
        request = dict(self.params)
        with self.plane.lock:
            found = [job.response_object for job in self.sagemaker_backend.transform_jobs.values()]
        kept = [job for job in found if _matches(job, request)]
        key = _SORTED_BY[request.get("SortBy", "CreationTime")]
        kept.sort(key=lambda job: job[key], reverse=request.get("SortOrder", "Descending") == "Descending")
        part, token = page(kept, request)
        summaries = [{name: job[name] for name in _SUMMARY if name in job} for job in part]
        return ActionResult(present({"TransformJobSummaries": summaries, "NextToken": token}))

    def stop_transform_job(self) -> ActionResult:
        """Stop a transform job that runs."""
        name = self._get_param("TransformJobName")
        job = self.sagemaker_backend.transform_jobs.get(name)
        if job is None:
            raise ResourceNotFound(f"Could not find requested job with name: {name}")
        with self.plane.lock:
            status = job.transform_job_status
            if status in _ENDED:
                raise ValidationError(
                    f"The request was rejected because the transform job is in status {status}."
                )
            job.transform_job_status = "Stopping"
        self.plane.transforms.stop(name)
        return EmptyResult()

    def _follow(self, job: FakeTransformJob) -> Callable[[JobState], None]:
        def on_change(state: JobState) -> None:
            with self.plane.lock:
                if not (job.transform_job_status == "Stopping" and state.status == "InProgress"):
                    job.transform_job_status = state.status
                job.transform_start_time, job.transform_end_time = state.started, state.ended
                job.failure_reason = state.failure_reason
                job.last_modified_time = now()
                detail = present(job.response_object)
            for name in ("CreationTime", "TransformStartTime", "TransformEndTime", "LastModifiedTime"):
                if name in detail:
                    detail[name] = detail[name].timestamp() * 1000
            self.plane.emit("SageMaker Transform Job State Change", [job.arn], detail)

        return on_change


def _matches(job: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    if request.get("NameContains", "") not in job["TransformJobName"]:
        return False
    if request.get("StatusEquals", job["TransformJobStatus"]) != job["TransformJobStatus"]:
        return False
    for moment in ("CreationTime", "LastModifiedTime"):
        after, before = request.get(f"{moment}After"), request.get(f"{moment}Before")
        if after is not None and job[moment] <= _moment(after):
            return False
        if before is not None and job[moment] >= _moment(before):
            return False
    return True


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(float(value), UTC)
