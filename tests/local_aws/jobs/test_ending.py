"""Jobs that are stopped, killed or too slow, and their processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, Cloud, eventually
from support.local_aws.jobs import ended_processing, log_of, process_is_there, run_processing, wait_for_object


def sleeping(pid: str, start: str = "") -> str:
    """Return the script of a job that stores the process id `pid` in S3 and sleeps."""
    return (
        f"import boto3, os, signal, subprocess, sys, time\n{start}"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='pid', Body=str({pid}))\n"
        "time.sleep(60)"
    )


def test_the_failure_of_a_killed_process_names_the_signal(cloud: Cloud) -> None:
    # GIVEN a job that logs its process id and sleeps
    run_processing(cloud, sleeping("os.getpid()"))
    pid = int(wait_for_object(cloud, "pid"))
    # WHEN the process is killed
    os.kill(pid, signal.SIGKILL)
    # THEN the job has failed and gives the reason
    described = ended_processing(cloud)
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"] == (
        "AlgorithmError: The job's process was killed by signal 9 (SIGKILL), exit code: 137"
    )


def test_stopping_ends_the_whole_process_group(cloud: Cloud) -> None:
    # GIVEN a job that has started a child process and ignores SIGTERM
    start = (
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    )
    run_processing(cloud, sleeping("child.pid", start))
    pid = int(wait_for_object(cloud, "pid"))
    # WHEN it is stopped
    cloud.sagemaker.stop_processing_job(ProcessingJobName="job")
    described = ended_processing(cloud)
    # THEN it is Stopped without a failure reason, and its child has ended
    assert described["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in described
    eventually(lambda: not process_is_there(pid))
    with pytest.raises(ClientError, match="in status Stopped"):
        cloud.sagemaker.stop_processing_job(ProcessingJobName="job")


def test_a_job_is_stopped_after_its_maximum_runtime(cloud: Cloud) -> None:
    began = time.monotonic()
    run_processing(cloud, "import time; time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    described = ended_processing(cloud)
    assert time.monotonic() - began < 10
    assert described["ProcessingJobStatus"] == "Stopped"
    assert described["FailureReason"].startswith("MaxRuntimeExceeded")


SERVER = """
import sys, time
from local_aws.server import LocalAws
aws = LocalAws()
aws.start()
print(aws.url, flush=True)
time.sleep(60)
"""


def test_jobs_end_when_the_server_is_killed() -> None:
    # GIVEN local AWS in a separate process, with a running job
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        cloud = Cloud(SimpleNamespace(url=server.stdout.readline().strip(), region="eu-west-1"))
        cloud.make_bucket()
        script = (
            "import os, boto3, time\n"
            f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='pid', Body=str(os.getpid()))\n"
            "time.sleep(60)"
        )
        run_processing(cloud, script)
        pid = int(wait_for_object(cloud, "pid"))
        # WHEN the server is killed
        server.kill()
    cloud.close()
    # THEN the job's process has ended too
    eventually(lambda: not process_is_there(pid))


def test_a_stopped_job_can_clean_up(cloud: Cloud) -> None:
    # GIVEN a job that prints a line on SIGTERM
    start = (
        "def leave(*_):\n"
        "    print('goodbye', flush=True)\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
    )
    run_processing(cloud, sleeping("os.getpid()", start))
    wait_for_object(cloud, "pid")
    # WHEN it is stopped
    cloud.sagemaker.stop_processing_job(ProcessingJobName="job")
    # THEN it got one signal and is Stopped, although its exit code is 0
    assert ended_processing(cloud)["ProcessingJobStatus"] == "Stopped"
    assert log_of(cloud, "/aws/sagemaker/ProcessingJobs", "job", "goodbye") == ["goodbye"]


def test_a_job_whose_supervisor_is_killed_fails(cloud: Cloud) -> None:
    run_processing(cloud, sleeping("os.getppid()"))
    os.kill(int(wait_for_object(cloud, "pid")), signal.SIGTERM)
    described = ended_processing(cloud)
    assert described["ProcessingJobStatus"] == "Failed"
    assert "killed by signal 15 (SIGTERM)" in described["FailureReason"]
