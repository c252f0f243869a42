"""Background jobs of local AWS."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from local_aws.jobs import background
from local_aws.jobs.background import BackgroundJobs, Job, JobState


class Runner(BackgroundJobs[Job]):
    def kill(self, job: Job) -> None:
        """Do nothing; the test decides when a job ends."""


def test_a_job_that_outlives_a_reset_does_not_remove_a_newer_job_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a job that does not end when all jobs are stopped
    monkeypatch.setattr(background, "GRACE_SECONDS", 0.01)
    runner = Runner("http://127.0.0.1:9", "eu-west-1", tmp_path)
    may_end, ended = (threading.Event(), threading.Event()), (threading.Event(), threading.Event())

    def start(number: int) -> Job:
        def work(_: Job) -> None:
            may_end[number].wait(10)

        def on_change(state: JobState) -> None:
            if state.status == "Completed":
                ended[number].set()

        job = Job("same", on_change, tmp_path / str(number))
        runner.start(job, work)
        return job

    start(0)
    old = next(thread for thread in threading.enumerate() if thread.name == "job-same")
    runner.stop_all()
    # WHEN it ends while a newer job has its name
    new = start(1)
    may_end[0].set()
    old.join(10)
    # THEN the newer job is found until it ends
    assert ended[0].is_set()
    assert runner.find("same") is new
    may_end[1].set()
    assert ended[1].wait(10)
    runner.close()
