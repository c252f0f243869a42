"""Runs processing and training jobs as subprocesses under the contract of SageMaker's containers."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_aws.base.clients import ACCOUNT
from local_aws.base.clock import now
from local_aws.jobs.background import GRACE_SECONDS, BackgroundJobs, Job, JobState, OnChange
from local_aws.jobs.container_contract import ProcessRequest, prepare_processing, prepare_training
from local_aws.jobs.files import JobError, is_filled, read_message, upload, upload_archive

logger = logging.getLogger(__name__)

_DEFAULT_MAX_RUNTIME_SECONDS = 86400
_TAIL_LINES = 5
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PASSED_ON = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass
class _Job(Job):
    process: subprocess.Popen[bytes] | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    timed_out: bool = False

    @property
    def base(self) -> Path:
        """What stands for /opt/ml."""
        return self.folder / "opt" / "ml"


class JobRunner(BackgroundJobs[_Job]):
    """Runs processing and training jobs; see `BackgroundJobs`."""

    def run_processing(self, request: Mapping[str, Any], on_change: OnChange) -> None:
        """Start a job from a CreateProcessingJob request; returns at once."""
        self._start(request["ProcessingJobName"], lambda job: self._processing(job, request), on_change)

    def run_training(self, request: Mapping[str, Any], on_change: OnChange) -> None:
        """Start a job from a CreateTrainingJob request; returns at once."""
        self._start(request["TrainingJobName"], lambda job: self._training(job, request), on_change)

    def stop(self, name: str) -> None:
        """End a job: SIGTERM to its process, SIGKILL to its group if that fails; unknown names are fine."""
        job = self.find(name)
        if job is not None:
            job.stopping.set()
            threading.Thread(target=_terminate, args=(job,), daemon=True).start()

    def kill(self, job: _Job) -> None:
        """End a job's process group."""
        _signal(job, signal.SIGKILL)

    def _start(self, name: str, work: Callable[[_Job], None], on_change: OnChange) -> None:
        job = _Job(name, on_change, self.root / "jobs" / name, started=now())
        self.start(job, lambda job: self._outcome(job, work))

    def _outcome(self, job: _Job, work: Callable[[_Job], None]) -> JobState:
        job.on_change(JobState("InProgress", "Starting"))
        try:
            work(job)
        except JobError as error:
            if job.timed_out:
                return self._ended(job, "Stopped", "MaxRuntimeExceeded", str(error))
            if job.stopping.is_set():
                return self._ended(job, "Stopped", "Stopped", None)
            return self._ended(job, "Failed", "Failed", str(error))
        return self._ended(job, "Completed", "Completed", None)

    def _ended(self, job: _Job, status: str, secondary: str, reason: str | None) -> JobState:
        message = read_message(job.base / "output" / "message") or None
        return JobState(status, secondary, job.started, now(), reason[:1024] if reason else None, message)

    def _processing(self, job: _Job, request: Mapping[str, Any]) -> None:
        s3 = self.clients.get("s3")
        arn = f"arn:aws:sagemaker:{self.clients.region}:{ACCOUNT}:processing-job/{job.name}"
        process = prepare_processing(s3, request, job.base, arn)
        isolated = bool((request.get("NetworkConfig") or {}).get("EnableNetworkIsolation"))
        limit = (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
        self._execute(job, process, "/aws/sagemaker/ProcessingJobs", isolated=isolated, limit=limit)
        for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs", []):
            folder = job.base / output["S3Output"]["LocalPath"].removeprefix("/opt/ml/")
            upload(s3, folder, output["S3Output"]["S3Uri"])

    def _training(self, job: _Job, request: Mapping[str, Any]) -> None:
        s3 = self.clients.get("s3")
        process = prepare_training(s3, request, job.base, self.clients.region)
        isolated = bool(request.get("EnableNetworkIsolation"))
        limit = (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
        job.on_change(JobState("InProgress", "Training", job.started))
        self._execute(job, process, "/aws/sagemaker/TrainingJobs", isolated=isolated, limit=limit)
        job.on_change(JobState("InProgress", "Uploading", job.started))
        target = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        upload_archive(s3, job.base / "model", f"{target}/model.tar.gz")
        if is_filled(job.base / "output" / "data"):
            upload_archive(s3, job.base / "output" / "data", f"{target}/output.tar.gz")

    def _execute(
        self, job: _Job, process: ProcessRequest, log_group: str, *, isolated: bool, limit: int | None
    ) -> None:
        if job.stopping.is_set():
            raise JobError("The job was stopped before it ran.")
        environment = {
            name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")
        }
        # Without it a job's output would stay in its buffer until it ends, or for ever if it is killed.
        environment["PYTHONUNBUFFERED"] = "1"
        if not isolated:
            environment.update(self.account)
        environment.update(process.environment)
        job.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR), *process.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=process.folder,
            env=environment,
            start_new_session=True,
        )
        timer = threading.Timer(limit or _DEFAULT_MAX_RUNTIME_SECONDS, _time_out, (job,))
        timer.daemon = True
        timer.start()
        if job.stopping.is_set():
            # It was stopped while it started, when there was nothing yet to end.
            threading.Thread(target=_terminate, args=(job,), daemon=True).start()
        try:
            self._ship_output(job, log_group)
            code = job.process.wait()
        finally:
            timer.cancel()
            # What the job left running in the background ends with it, as a container's processes do.
            _signal(job, signal.SIGKILL)
            _close_pipes(job.process)
        self._judge(job, code, limit)

    def _ship_output(self, job: _Job, log_group: str) -> None:
        """Send the output, line by line, until the job's own process has ended."""
        process = job.process
        if process is None or process.stdout is None:
            return

        def read() -> None:
            for raw in process.stdout or ():
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line.strip():
                    job.tail.append(line)
                self.logs.write(log_group, f"{job.name}/algo-1", line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        process.wait()
        # A process that the job left behind may hold the pipe open; then it is killed with the group.
        reader.join(1.0)
        if reader.is_alive():
            _signal(job, signal.SIGKILL)
            reader.join(1.0)

    def _judge(self, job: _Job, code: int, limit: int | None) -> None:
        if job.timed_out:
            raise JobError(f"MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds, {limit} s.")
        if job.stopping.is_set():
            raise JobError("The job was stopped.")
        if code == 0:
            return
        output = job.base / "output"
        reason = read_message(output / "failure") or read_message(output / "message")
        number = -code if code < 0 else code - 128
        if not reason and number in set(signal.Signals):
            name = signal.Signals(number).name
            reason = f"The job's process was killed by signal {number} ({name})"
            code = 128 + number
        if not reason and job.tail:
            reason = f"The job wrote no reason; its log ends with: {' | '.join(job.tail)}"
        reason = reason[:900] or "The job wrote neither a reason nor a log"
        raise JobError(f"AlgorithmError: {reason.rstrip('.')}, exit code: {code}")


def _time_out(job: _Job) -> None:
    job.timed_out = True
    _terminate(job)


def _terminate(job: _Job) -> None:
    if job.process is None:
        return
    # The supervisor passes it on to the job's own process; what is left of the group is killed at the end.
    job.process.terminate()
    try:
        job.process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(job, signal.SIGKILL)


def _signal(job: _Job, number: signal.Signals) -> None:
    if job.process is None:
        return
    try:
        os.killpg(job.process.pid, number)
    except (ProcessLookupError, PermissionError):
        # The group is gone; macOS says "not permitted" for one of zombies only.
        logger.debug("The process group of job %s has already ended", job.name)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
