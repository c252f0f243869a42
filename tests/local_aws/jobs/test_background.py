"""Background jobs of local AWS."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.local_aws.sessions import root_sessions

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
    runner = Runner(root_sessions("http://127.0.0.1:9", "eu-west-1"), tmp_path, ThreadPoolExecutor(2))
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

    old = start(0)
    runner.stop_all()
    # WHEN it ends while a newer job has its name
    new = start(1)
    may_end[0].set()
    old.run.result(10)
    # THEN the newer job is found until it ends
    assert ended[0].is_set()
    assert runner.find("same") is new
    may_end[1].set()
    assert ended[1].wait(10)
    runner.close()


def test_jobs_wait_for_their_turn_in_order_and_can_be_stopped_while_they_wait(tmp_path: Path) -> None:
    # GIVEN room for two jobs, and six that are started one after the other
    runner = Runner(root_sessions("http://127.0.0.1:9", "eu-west-1"), tmp_path, ThreadPoolExecutor(2))
    gates = [threading.Event() for _ in range(6)]
    begun: list[int] = []
    ended: dict[int, str] = {}
    changed = threading.Condition()

    def start(number: int) -> None:
        def work(_: Job) -> None:
            with changed:
                begun.append(number)
                changed.notify_all()
            gates[number].wait(10)

        def on_change(state: JobState) -> None:
            if state.ended is not None:
                with changed:
                    ended[number] = state.status
                    changed.notify_all()

        runner.start(Job(f"job-{number}", on_change, tmp_path / str(number)), work)

    def until(numbers: list[int]) -> bool:
        with changed:
            return changed.wait_for(lambda: sorted(begun) == numbers, 10)

    for number in range(6):
        start(number)
    # THEN two run, and a waiting one that is stopped ends at once
    assert until([0, 1])
    runner.stop("job-3")
    assert ended == {3: "Stopped"}
    assert runner.find("job-3") is None
    # AND the others follow in order as the first ones end
    gates[1].set()
    assert until([0, 1, 2])
    gates[0].set()
    assert until([0, 1, 2, 4])
    for gate in gates:
        gate.set()
    assert until([0, 1, 2, 4, 5])
    with changed:
        assert changed.wait_for(lambda: len(ended) == 6, 10)
    assert {ended[number] for number in (0, 1, 2, 4, 5)} == {"Completed"}
    runner.close()
