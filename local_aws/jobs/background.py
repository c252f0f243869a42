"""Runs jobs in the background, a few at a time; a job can be found by name until it ends."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from local_aws.base.clock import now
from local_aws.base.logs import LogShipper
from local_aws.base.memory import release_memory
from local_aws.endpoints.host import EndpointError
from local_aws.iam.sessions import AssumeRoleError, Sessions
from local_aws.jobs.files import JobError

logger = logging.getLogger(__name__)

# SageMaker gives a job 120 s to end after SIGTERM; a laptop's user should not wait that long.
GRACE_SECONDS = 10.0
_LONGEST_REASON = 1024


@dataclass(frozen=True)
class JobState:
    """The status of a job, with the members that DescribeTrainingJob and its siblings show."""

    status: str
    secondary_status: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    failure_reason: str | None = None
    exit_message: str | None = None


OnChange = Callable[[JobState], None]


@dataclass
class Job:
    """The common part of all jobs: a name, a listener, and a folder that is removed at the end."""

    name: str
    on_change: OnChange
    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    run: Future[None] = field(init=False)
    started: datetime | None = None
    timed_out: bool = False

    def exit_message(self) -> str | None:
        """Return the message that the job left on exit, if its kind has one."""
        return None


AnyJob = TypeVar("AnyJob", bound=Job)


class BackgroundJobs(ABC, Generic[AnyJob]):
    """Runs jobs and reports their status.

    Parameters
    ----------
    sessions : Sessions
        Clients of local AWS, for inputs, outputs and logs.
    root : pathlib.Path
        Parent folder of the jobs' folders.
    workers : concurrent.futures.Executor
        Runs the jobs of all kinds. Its size limits how many run at once; the others wait in order.
    """

    def __init__(self, sessions: Sessions, root: Path, workers: Executor) -> None:
        self.sessions = sessions
        self.root = root
        self.logs = LogShipper()
        self._workers = workers
        self._jobs: dict[str, AnyJob] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def kill(self, job: AnyJob) -> None:
        """End the processes of a job at once."""

    def terminate(self, job: AnyJob) -> None:
        """Ask the processes of a job to end; by default they are killed."""
        self.kill(job)

    def start(self, job: AnyJob, work: Callable[[AnyJob], None]) -> None:
        """Queue a job and return at once; `work` raises JobError if the job fails."""
        with self._lock:
            job.run = self._workers.submit(self._run, job, work)
            self._jobs[job.name] = job

    def find(self, name: str) -> AnyJob | None:
        """Return a job that has not ended."""
        with self._lock:
            return self._jobs.get(name)

    def stop(self, name: str) -> None:
        """Stop a job; unknown names are ignored, because the job may just have ended."""
        job = self.find(name)
        if job is not None:
            self._stop(job, self.terminate)

    def stop_all(self) -> None:
        """Kill every job and wait until its thread has cleaned up."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            self._stop(job, self.kill)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._jobs and time.monotonic() < deadline:
            time.sleep(0.02)
        # A shipper creates each log stream once, and after a reset the streams are gone.
        self.logs.close()
        self.logs = LogShipper()

    def close(self) -> None:
        """Kill every job and deliver the logs."""
        self.stop_all()
        self.logs.close()

    def _stop(self, job: AnyJob, end: Callable[[AnyJob], None]) -> None:
        job.stopping.set()
        if job.run.cancel():  # it was still in the queue
            self._end(job, JobState("Stopped", "Stopped", job.started, now()))
        else:
            end(job)

    def _run(self, job: AnyJob, work: Callable[[AnyJob], None]) -> None:
        state = None
        try:
            job.on_change(JobState("InProgress", "Starting"))
            state = self._final_state(job, work)
            shutil.rmtree(job.folder, ignore_errors=True)
        finally:
            self._end(job, state)

    def _end(self, job: AnyJob, state: JobState | None) -> None:
        try:
            if state is not None:
                job.on_change(state)
        finally:
            with self._lock:
                # If the job outlived a reset, a newer job may have its name.
                if self._jobs.get(job.name) is job:
                    del self._jobs[job.name]
            release_memory()

    def _final_state(self, job: AnyJob, work: Callable[[AnyJob], None]) -> JobState:
        status = secondary = "Completed"
        reason: str | None = None
        try:
            work(job)
        except (AssumeRoleError, JobError, EndpointError) as error:
            status = secondary = "Failed"
            reason = str(error)
        except Exception as error:
            # The thread's outermost handler: an unexpected error must end the job, which can be retried.
            logger.exception("Local AWS failed while running job %s", job.name)
            status = secondary = "Failed"
            reason = f"InternalServerError: {error!r}"
        if reason is not None and job.timed_out:
            status, secondary = "Stopped", "MaxRuntimeExceeded"
        elif reason is not None and job.stopping.is_set():
            status = secondary = "Stopped"
            reason = None
        message = job.exit_message()
        reason = reason[:_LONGEST_REASON] if reason else None
        return JobState(status, secondary, job.started, now(), reason, message)
