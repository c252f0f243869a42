"""Adapter: processing and training jobs that really run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.models import FakeProcessingJob, FakeTrainingJob
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.clock import now
from local_aws.jobs.background import JobState
from local_aws.sagemaker.plane import (
    Plane,
    ResourceInUseException,
    ResourceNotFound,
    ValidationError,
    present,
)

_ENDED = ("Completed", "Failed", "Stopped")
# Members that moto's record of a job does not keep.
_PROCESSING_EXTRAS = {"processing_resources": "ProcessingResources", "environment": "Environment"}
_TRAINING_EXTRAS = {"environment": "Environment", "retry_strategy": "RetryStrategy"}


class JobActions(SageMakerResponse):  # type: ignore[misc]
    """Create, describe and stop jobs; moto lists and searches them."""

    plane: Plane

    def create_processing_job(self) -> ActionResult:
        """Start a processing job."""
        request = copy.deepcopy(dict(self.params))
        with self.plane.lock:
            self._refuse_duplicate(self.sagemaker_backend.processing_jobs, request["ProcessingJobName"])
            result = super().create_processing_job()
            job = self.sagemaker_backend.processing_jobs[request["ProcessingJobName"]]
            job.processing_job_status = "InProgress"
            job.processing_end_time = None
            _keep(job, request, _PROCESSING_EXTRAS)
        self.plane.jobs.run_processing(request, self._follow_processing(job))
        return result

    def create_training_job(self) -> ActionResult:
        """Start a training job."""
        request = copy.deepcopy(dict(self.params))
        with self.plane.lock:
            self._refuse_duplicate(self.sagemaker_backend.training_jobs, request["TrainingJobName"])
            result = super().create_training_job()
            job = self.sagemaker_backend.training_jobs[request["TrainingJobName"]]
            job.training_job_status, job.secondary_status = "InProgress", "Starting"
            # moto makes up metrics and has the model before the job has run.
            job.algorithm_specification = request["AlgorithmSpecification"]
            job.local_artifacts, job.model_artifacts = job.model_artifacts, None
            job.final_metric_data_list = job.training_start_time = job.training_end_time = None
            job.secondary_status_transitions = []
            _keep(job, request, _TRAINING_EXTRAS)
        self.plane.jobs.run_training(request, self._follow_training(job))
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

    def stop_processing_job(self) -> ActionResult:
        """Stop a processing job that runs."""
        name = self._get_param("ProcessingJobName")
        job = self.sagemaker_backend.processing_jobs.get(name)
        if job is None:
            raise ResourceNotFound(f"Could not find requested job with name: {name}")
        with self.plane.lock:
            if job.processing_job_status in _ENDED:
                raise ValidationError(_has_ended(name, job.processing_job_status))
            job.processing_job_status = "Stopping"
        self.plane.jobs.stop(name)
        return EmptyResult()

    def stop_training_job(self) -> ActionResult:
        """Stop a training job that runs."""
        name = self._get_param("TrainingJobName")
        job = self.sagemaker_backend.training_jobs.get(name)
        if job is None:
            raise ResourceNotFound(f"Could not find requested job with name: {name}")
        with self.plane.lock:
            if job.training_job_status in _ENDED:
                raise ValidationError(_has_ended(name, job.training_job_status))
            job.training_job_status = job.secondary_status = "Stopping"
        self.plane.jobs.stop(name)
        return EmptyResult()

    def _refuse_duplicate(self, jobs: dict[str, Any], name: str) -> None:
        if name in jobs:
            raise ResourceInUseException(
                f"Job name must be unique within an AWS account and region, and a job with this name "
                f"already exists ({jobs[name].arn})"
            )

    def _follow_processing(self, job: FakeProcessingJob) -> Callable[[JobState], None]:
        def on_change(state: JobState) -> None:
            with self.plane.lock:
                if not (job.processing_job_status == "Stopping" and state.status == "InProgress"):
                    job.processing_job_status = state.status
                job.processing_start_time = state.started
                job.processing_end_time = state.ended
                job.failure_reason, job.exit_message = state.failure_reason, state.exit_message
                job.last_modified_time = now()
                detail = present(job.response_object)
            self.plane.emit("SageMaker Processing Job State Change", [job.arn], detail)

        return on_change

    def _follow_training(self, job: FakeTrainingJob) -> Callable[[JobState], None]:
        def on_change(state: JobState) -> None:
            moment = now()
            with self.plane.lock:
                if not (job.training_job_status == "Stopping" and state.status == "InProgress"):
                    job.training_job_status = state.status
                    job.secondary_status = state.secondary_status
                    _note_transition(job, state, moment)
                job.training_start_time, job.training_end_time = state.started, state.ended
                job.failure_reason = state.failure_reason
                if state.status == "Completed":
                    job.model_artifacts = job.local_artifacts
                if state.started and state.ended:
                    seconds = int((state.ended - state.started).total_seconds()) + 1
                    job.training_time_in_seconds = job.billable_time_in_seconds = seconds
                job.last_modified_time = moment
                detail = present(job.response_object)
            detail.pop("LocalArtifacts", None)
            self.plane.emit("SageMaker Training Job State Change", [job.arn], detail)

        return on_change


def _note_transition(job: Any, state: JobState, moment: Any) -> None:
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


def _keep(job: Any, request: dict[str, Any], extras: dict[str, str]) -> None:
    for attribute, member in extras.items():
        setattr(job, attribute, request.get(member))


def _has_ended(name: str, status: str) -> str:
    return f"The request was rejected because the job {name} is in status {status}."
