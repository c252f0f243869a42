"""Processing, training and batch transform jobs that really run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.clock import now
from local_aws.base.documents import present
from local_aws.base.ids import sagemaker_arn
from local_aws.jobs.background import BackgroundJobs, JobState
from local_aws.jobs.transform_settings import read_settings
from local_aws.sagemaker.plane import (
    STOPPED,
    Plane,
    ResourceInUseException,
    ResourceNotFound,
    ValidationError,
    aware,
    backend_of,
    event_times,
    model_spec,
    page,
)

_ENDED = ("Completed", "Failed", "Stopped")
_TRANSFORM_SUMMARY = (
    "TransformJobName",
    "TransformJobArn",
    "CreationTime",
    "TransformEndTime",
    "LastModifiedTime",
    "TransformJobStatus",
    "FailureReason",
)
_SORT_KEYS = {"Name": "TransformJobName", "CreationTime": "CreationTime", "Status": "TransformJobStatus"}


class JobActions(SageMakerResponse):  # type: ignore[misc]
    """Creates, describes, lists and stops jobs; moto lists processing and training jobs."""

    plane: Plane

    def create_processing_job(self) -> ActionResult:
        """Start a processing job."""
        request = copy.deepcopy(dict(self.params))
        jobs, name = self.sagemaker_backend.processing_jobs, request["ProcessingJobName"]
        with self.plane.changes:
            _reject_duplicate(jobs, name)
            result = super().create_processing_job()
            job = jobs[name]
            job.processing_job_status = "InProgress"
            job.processing_end_time = None
            # moto does not store these members.
            job.processing_resources = request.get("ProcessingResources")
            job.environment = request.get("Environment")

        def update(state: JobState) -> None:
            job.exit_message = state.exit_message

        self.plane.jobs.run_processing(request, _follow(self.plane, job, "processing", update))
        return result

    def create_training_job(self) -> ActionResult:
        """Start a training job."""
        request = copy.deepcopy(dict(self.params))
        jobs, name = self.sagemaker_backend.training_jobs, request["TrainingJobName"]
        with self.plane.changes:
            _reject_duplicate(jobs, name)
            result = super().create_training_job()
            job = jobs[name]
            job.training_job_status, job.secondary_status = "InProgress", "Starting"
            # moto invents metrics and reports the model before the job has run.
            artifacts, job.model_artifacts = job.model_artifacts, None
            job.final_metric_data_list = job.training_start_time = job.training_end_time = None
            job.secondary_status_transitions = []
            # moto does not store these members.
            job.algorithm_specification = request["AlgorithmSpecification"]
            job.environment = request.get("Environment")
            job.retry_strategy = request.get("RetryStrategy")

        note = _note_training(job)

        def update(state: JobState) -> None:
            if job.training_job_status == state.status:
                note(state)
            if state.status == "Completed":
                job.model_artifacts = artifacts
            if state.started and state.ended:
                seconds = int((state.ended - state.started).total_seconds()) + 1
                job.training_time_in_seconds = job.billable_time_in_seconds = seconds

        self.plane.jobs.run_training(request, _follow(self.plane, job, "training", update))
        return result

    def create_transform_job(self) -> ActionResult:
        """Start a transform job."""
        request = copy.deepcopy(dict(self.params))
        jobs, name, model = (
            self.sagemaker_backend.transform_jobs,
            request["TransformJobName"],
            request["ModelName"],
        )
        try:
            settings = read_settings(request)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        with self.plane.changes:
            _reject_duplicate(jobs, name)
            if model not in self.sagemaker_backend._models:
                raise ValidationError(f'Could not find model "{sagemaker_arn(self.region, "model", model)}".')
            spec = model_spec(self.plane.region, model)
            result = super().create_transform_job()
            job = jobs[name]
            job.transform_job_status = "InProgress"
            job.creation_time = job.last_modified_time = now()
            job.transform_start_time = job.transform_end_time = job.failure_reason = None
            job.labeling_job_arn = job.auto_ml_job_arn = None
        self.plane.transforms.run(settings, spec, _follow(self.plane, job, "transform", _note_nothing))
        return result

    def describe_processing_job(self) -> ActionResult:
        """Describe a processing job."""
        name = self._get_param("ProcessingJobName")
        if name not in self.sagemaker_backend.processing_jobs:
            raise ValidationError(f"Could not find requested job with name: {name}")
        return super().describe_processing_job()

    def describe_training_job(self) -> ActionResult:
        """Describe a training job."""
        name = self._get_param("TrainingJobName")
        if name not in self.sagemaker_backend.training_jobs:
            raise ValidationError("Requested resource not found.")
        return super().describe_training_job()

    def list_transform_jobs(self) -> ActionResult:
        """List transform jobs, newest first by default."""
        request = dict(self.params)
        with self.plane.changes:
            found = [job.response_object for job in self.sagemaker_backend.transform_jobs.values()]
        matching = [job for job in found if _matches(job, request)]
        key = _SORT_KEYS[request.get("SortBy", "CreationTime")]
        matching.sort(
            key=lambda job: job[key], reverse=request.get("SortOrder", "Descending") == "Descending"
        )
        part, token = page(matching, request)
        summaries = [{name: job[name] for name in _TRANSFORM_SUMMARY if name in job} for job in part]
        return ActionResult(present({"TransformJobSummaries": summaries, "NextToken": token}))

    def stop_processing_job(self) -> ActionResult:
        """Stop a running processing job."""
        return self._stop("processing", self.plane.jobs)

    def stop_training_job(self) -> ActionResult:
        """Stop a running training job."""
        return self._stop("training", self.plane.jobs)

    def stop_transform_job(self) -> ActionResult:
        """Stop a running transform job."""
        return self._stop("transform", self.plane.transforms)

    def _stop(self, kind: str, runner: BackgroundJobs[Any]) -> ActionResult:
        name, status = self._get_param(f"{kind.title()}JobName"), f"{kind}_job_status"
        job = getattr(self.sagemaker_backend, f"{kind}_jobs").get(name)
        if job is None:
            raise ResourceNotFound(f"Could not find requested job with name: {name}")
        with self.plane.changes:
            current = getattr(job, status)
            if current in _ENDED:
                raise ValidationError(
                    f"The request was rejected because the job {name} is in status {current}."
                )
            setattr(job, status, "Stopping")
            if kind == "training":
                job.secondary_status = "Stopping"
        runner.stop(name)
        return EmptyResult()


def fail_interrupted_jobs(plane: Plane) -> None:
    """Fail the jobs that were running when local AWS stopped."""
    backend = backend_of(plane.region)
    for kind in ("processing", "training", "transform"):
        for job in list(getattr(backend, f"{kind}_jobs").values()):
            if getattr(job, f"{kind}_job_status") in _ENDED:
                continue
            update = _note_training(job) if kind == "training" else _note_nothing
            started = getattr(job, f"{kind}_start_time", None)  # a job in the queue has none
            _follow(plane, job, kind, update)(JobState("Failed", "Failed", started, now(), STOPPED))


def _note_training(job: Any) -> Callable[[JobState], None]:
    def update(state: JobState) -> None:
        job.secondary_status = state.secondary_status
        _note_transition(job, state)

    return update


def _note_nothing(_: JobState) -> None:
    """Ignore members that only other kinds of jobs have."""


def _follow(
    plane: Plane, job: Any, kind: str, update: Callable[[JobState], None]
) -> Callable[[JobState], None]:
    """Return a listener that writes a job's state to moto's record and emits the event."""
    status = f"{kind}_job_status"

    def on_change(state: JobState) -> None:
        with plane.changes:
            # A job that is being stopped can still report progress.
            if not (getattr(job, status) == "Stopping" and state.status == "InProgress"):
                setattr(job, status, state.status)
            setattr(job, f"{kind}_start_time", state.started)
            setattr(job, f"{kind}_end_time", state.ended)
            job.failure_reason = state.failure_reason
            job.last_modified_time = now()
            update(state)
            plane.mark()
            detail = event_times(present(job.response_object))
            plane.emit(f"SageMaker {kind.title()} Job State Change", [job.arn], detail)

    return on_change


def _reject_duplicate(jobs: Mapping[str, Any], name: str) -> None:
    if name in jobs:
        raise ResourceInUseException(
            f"Job name must be unique within an AWS account and region, and a job with this name "
            f"already exists ({jobs[name].arn})"
        )


def _note_transition(job: Any, state: JobState) -> None:
    moment = now()
    transitions = job.secondary_status_transitions
    if transitions:
        transitions[-1]["EndTime"] = moment
    entry = {
        "Status": state.secondary_status,
        "StartTime": moment,
        "EndTime": moment if state.ended else None,
        "StatusMessage": state.failure_reason,
    }
    transitions.append(present(entry))


def _matches(job: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    if request.get("NameContains", "") not in job["TransformJobName"]:
        return False
    if request.get("StatusEquals", job["TransformJobStatus"]) != job["TransformJobStatus"]:
        return False
    return all(
        _is_between(job[name], request.get(f"{name}After"), request.get(f"{name}Before"))
        for name in ("CreationTime", "LastModifiedTime")
    )


def _is_between(moment: datetime, after: Any, before: Any) -> bool:
    return (after is None or moment > aware(after)) and (before is None or moment < aware(before))
