"""Jobs in the background: each in a thread of its own, known by its name until it has ended."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from local_aws.base.clients import ACCESS_KEY, SECRET_KEY, Clients
from local_aws.base.clock import now
from local_aws.base.logs import LogShipper

logger = logging.getLogger(__name__)

# SageMaker grants a job 120 s to end, a laptop's user has less patience.
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class JobState:
    """What has become of a job."""

    status: str
    secondary_status: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    failure_reason: str | None = None
    exit_message: str | None = None


OnChange = Callable[[JobState], None]


@dataclass
class Job:
    """What all jobs have: a name, who is told of changes, and a folder that is removed at the end."""

    name: str
    on_change: OnChange
    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    started: datetime | None = None


AnyJob = TypeVar("AnyJob", bound=Job)


class BackgroundJobs(ABC, Generic[AnyJob]):
    """Runs jobs and tells what becomes of them.

    Parameters
    ----------
    url, region : str
        Local AWS, for inputs, outputs and logs.
    root : pathlib.Path
        Where the jobs' folders are made.
    """

    def __init__(self, url: str, region: str, root: Path) -> None:
        self.clients = Clients(url, region)
        self.root = root
        self.account = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        self.logs = LogShipper(self.account)
        self._jobs: dict[str, AnyJob] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def kill(self, job: AnyJob) -> None:
        """End what a job runs, at once."""

    def start(self, job: AnyJob, work: Callable[[AnyJob], JobState]) -> None:
        """Run a job to its end, which `work` returns; returns at once."""
        with self._lock:
            self._jobs[job.name] = job
        threading.Thread(target=self._run, args=(job, work), name=f"job-{job.name}", daemon=True).start()

    def find(self, name: str) -> AnyJob | None:
        """Return a job that has not ended."""
        with self._lock:
            return self._jobs.get(name)

    def stop_all(self) -> None:
        """Kill every job and wait for its thread to tidy up."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stopping.set()
            self.kill(job)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._jobs and time.monotonic() < deadline:
            time.sleep(0.02)
        # A shipper takes the log streams it has made for granted; what comes next may start from nothing.
        self.logs.close()
        self.logs = LogShipper(self.account)

    def close(self) -> None:
        """Kill every job and drop the connections."""
        self.stop_all()
        self.logs.close()
        self.clients.close()

    def _run(self, job: AnyJob, work: Callable[[AnyJob], JobState]) -> None:
        try:
            try:
                state = work(job)
            except Exception as error:
                # The thread's outermost boundary: a fault of ours must end the job, and may be retried.
                logger.exception("Local AWS failed at job %s", job.name)
                state = self._broken(job, error)
            shutil.rmtree(job.folder, ignore_errors=True)
            job.on_change(state)
        finally:
            with self._lock:
                # Of one that outlived a reset, another may have the name by now
                if self._jobs.get(job.name) is job:
                    del self._jobs[job.name]

    def _broken(self, job: AnyJob, error: Exception) -> JobState:
        if job.stopping.is_set():
            return JobState("Stopped", "Stopped", job.started, now())
        return JobState("Failed", "Failed", job.started, now(), f"InternalServerError: {error!r}"[:1024])
