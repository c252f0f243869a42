"""Runs processing and training jobs: prepares the container's folder, runs the process, uploads results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.base.clients import Clients
from local_aws.base.clock import now
from local_aws.base.ids import sagemaker_arn
from local_aws.base.logs import LogStream
from local_aws.endpoints.host import SAGEMAKER
from local_aws.jobs.background import BackgroundJobs, Job, JobState, OnChange
from local_aws.jobs.container_contract import prepare_processing, prepare_training
from local_aws.jobs.files import JobError, is_filled, read_message, upload, upload_archive
from local_aws.jobs.process import JobProcess, ProcessRequest

_DEFAULT_MAX_RUNTIME_SECONDS = 86400


@dataclass
class _Job(Job):
    process: JobProcess | None = None

    @property
    def base(self) -> Path:
        """The folder that takes the place of /opt/ml."""
        return self.folder / "opt" / "ml"

    def exit_message(self) -> str | None:
        """Return the content of /opt/ml/output/message."""
        return read_message(self.base / "output" / "message") or None


class JobRunner(BackgroundJobs[_Job]):
    """Runs processing and training jobs; see `BackgroundJobs`."""

    def run_processing(self, request: Mapping[str, Any], on_change: OnChange) -> None:
        """Start a job from a CreateProcessingJob request and return at once."""
        self._start(request["ProcessingJobName"], lambda job: self._process(job, request), on_change)

    def run_training(self, request: Mapping[str, Any], on_change: OnChange) -> None:
        """Start a job from a CreateTrainingJob request and return at once."""
        self._start(request["TrainingJobName"], lambda job: self._train(job, request), on_change)

    def terminate(self, job: _Job) -> None:
        """End a job with SIGTERM, and with SIGKILL if it does not end in time; return at once."""
        if job.process is not None:
            threading.Thread(target=job.process.terminate, daemon=True).start()

    def kill(self, job: _Job) -> None:
        """Kill a job's process group."""
        if job.process is not None:
            job.process.kill()

    def _start(self, name: str, work: Callable[[_Job], None], on_change: OnChange) -> None:
        self.start(_Job(name, on_change, self.root / "jobs" / name, started=now()), work)

    def _process(self, job: _Job, request: Mapping[str, Any]) -> None:
        clients = self.sessions.of_role(request["RoleArn"], SAGEMAKER)
        s3 = clients.get("s3")
        arn = sagemaker_arn(clients.region, "processing-job", job.name)
        process = prepare_processing(s3, request, job.base, arn)
        isolated = bool((request.get("NetworkConfig") or {}).get("EnableNetworkIsolation"))
        log = self._log(clients, "/aws/sagemaker/ProcessingJobs", job)
        self._execute(job, process, request, log=log, isolated=isolated)
        for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs", []):
            folder = job.base / output["S3Output"]["LocalPath"].removeprefix("/opt/ml/")
            upload(s3, folder, output["S3Output"]["S3Uri"])

    def _train(self, job: _Job, request: Mapping[str, Any]) -> None:
        clients = self.sessions.of_role(request["RoleArn"], SAGEMAKER)
        s3 = clients.get("s3")
        arn = sagemaker_arn(clients.region, "training-job", job.name)
        process = prepare_training(s3, request, job.base, arn)
        isolated = bool(request.get("EnableNetworkIsolation"))
        job.on_change(JobState("InProgress", "Training", job.started))
        log = self._log(clients, "/aws/sagemaker/TrainingJobs", job)
        self._execute(job, process, request, log=log, isolated=isolated)
        job.on_change(JobState("InProgress", "Uploading", job.started))
        target = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        upload_archive(s3, job.base / "model", f"{target}/model.tar.gz")
        if is_filled(job.base / "output" / "data"):
            upload_archive(s3, job.base / "output" / "data", f"{target}/output.tar.gz")

    def _log(self, clients: Clients, group: str, job: _Job) -> LogStream:
        return LogStream(self.logs, clients, group, f"{job.name}/algo-1")

    def _execute(
        self,
        job: _Job,
        request: ProcessRequest,
        job_request: Mapping[str, Any],
        *,
        log: LogStream,
        isolated: bool,
    ) -> None:
        """Run a job's process to its end, within the time that the request allows."""
        if job.stopping.is_set():
            raise JobError("The job was stopped before it ran.")
        if not isolated:
            access = self.sessions.environment(job_request["RoleArn"], SAGEMAKER)
            request = ProcessRequest(request.command, request.folder, {**access, **request.environment})
        limit = (job_request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")

        def time_out() -> None:
            job.timed_out = True
            process.terminate()

        process = job.process = JobProcess(request, log.write)
        timer = threading.Timer(limit or _DEFAULT_MAX_RUNTIME_SECONDS, time_out)
        timer.daemon = True
        timer.start()
        if job.stopping.is_set():
            # stop() came while the process was starting and found nothing to end.
            self.terminate(job)
        try:
            code = process.wait()
        finally:
            timer.cancel()
        if job.timed_out:
            raise JobError(f"MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds, {limit} s.")
        if job.stopping.is_set():
            raise JobError("The job was stopped.")
        process.check(code, job.base / "output")
