"""Kills local AWS with SIGKILL at random moments and checks its state: `make test-state`.

SIZE sets the number of kills (default: 30), SEED draws other moments. It also measures what a write costs and
how long a state of 1 GB takes to start.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from support.campaign import SEED, size
from support.local_aws.cloud import BUCKET, OUT, ROLE, WRITE, processing

from benchmarks.common.cloud import BANKRUPTCY
from benchmarks.common.processes import cpu_seconds

KILLS = size(30)
REGION = "eu-west-1"
LARGE = 2**30
PIECE = 8 * 2**20
MOST_START_SECONDS = 5.0
MOST_WRITE_MILLISECONDS = 5.0
RUNNING = {"Executing", "Stopping", "InProgress", "Creating", "Updating"}


class Process:
    """Local AWS in a process of its own, with a state or in memory."""

    def __init__(self, state: Path | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._options = ["--state", str(state)] if state else []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; return the seconds until it answers."""
        began = time.monotonic()
        command = [*BANKRUPTCY, "local", "start", "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "local AWS did not start"
        return time.monotonic() - began

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "state")
    yield made
    made.kill()


class Work:
    """Changes things without a pause, and remembers what was answered."""

    def __init__(self, process: Process, number: int) -> None:
        self._process = process
        self._number = number
        self.objects: dict[str, bytes] = {}
        self.approved: dict[str, str] = {}
        self.stacks: list[str] = []
        self.executions: list[str] = []
        self.errors: list[str] = []

    def run(self) -> None:
        """Work until local AWS is killed."""
        kinds = (self._upload, self._approve, self._deploy, self._execute)
        threads = [threading.Thread(target=self._repeat, args=(kind,)) for kind in kinds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _repeat(self, work: Callable[[str], None]) -> None:
        for count in range(100_000):
            try:
                work(f"{self._number}-{count}")
            except (BotoCoreError, ClientError, ConnectionError) as error:
                if isinstance(error, ClientError):
                    self.errors.append(str(error))
                return

    def _upload(self, name: str) -> None:
        body = f"{name} ".encode() * random.Random(name).randrange(1, 20_000)
        self._process.client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{name}", Body=body)
        self.objects[f"uploads/{name}"] = body

    def _approve(self, name: str) -> None:
        sagemaker = self._process.client("sagemaker")
        arn = sagemaker.create_model_package(ModelPackageGroupName="group")["ModelPackageArn"]
        self.approved[arn] = "PendingManualApproval"
        # From here on, either status may be found.
        self.approved[arn] = "either"
        sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=name
        )
        self.approved[arn] = "Approved"

    def _deploy(self, name: str) -> None:
        resources = {
            f"Queue{number}": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"q-{name}-{number}"}}
            for number in range(5)
        }
        cloudformation = self._process.client("cloudformation")
        stack = f"stack-{name}"
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps({"Resources": resources}))
        self.stacks.append(stack)
        while cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"].endswith(
            "PROGRESS"
        ):
            time.sleep(0.01)

    def _execute(self, _name: str) -> None:
        sagemaker = self._process.client("sagemaker")
        arn = sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
        self.executions.append(arn)
        while _execution(sagemaker, arn)["PipelineExecutionStatus"] == "Executing":
            time.sleep(0.05)


def _stack_status(cloudformation: Any, name: str) -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def _execution(sagemaker: Any, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    return found


def prepare(process: Process) -> None:
    s3, sagemaker = process.client("s3"), process.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key="code/run.py", Body=WRITE)
    steps = [processing("A", f"s3://{BUCKET}/code/", [OUT, "1"])]
    steps.append(processing("B", f"s3://{BUCKET}/code/", [OUT, "2"], DependsOn=["A"]))
    definition = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps})
    sagemaker.create_pipeline(PipelineName="p", PipelineDefinition=definition, RoleArn=ROLE)
    sagemaker.create_model_package_group(ModelPackageGroupName="group")


def check(process: Process, work: Work) -> Counter[str]:
    """Check that all that was answered is there and nothing is half done; count the outcomes."""
    found: Counter[str] = Counter()
    assert work.errors == []
    s3, sagemaker = process.client("s3"), process.client("sagemaker")
    for key, body in work.objects.items():
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    for arn, status in work.approved.items():
        actual = sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"]
        assert status in {actual, "either"}
    for arn in work.executions:
        execution = _execution(sagemaker, arn)
        status = execution["PipelineExecutionStatus"]
        assert status in {"Succeeded", "Failed"}
        found[f"execution {status}"] += 1
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        assert not RUNNING.intersection(step["StepStatus"] for step in steps)
        if status == "Failed":
            assert execution["FailureReason"] == "local AWS stopped"
    jobs = sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    assert not RUNNING.intersection(job["ProcessingJobStatus"] for job in jobs)
    check_stacks(process, work, found)
    return found


def check_stacks(process: Process, work: Work, found: Counter[str]) -> None:
    """Check that there are exactly the queues of the stacks that were created."""
    cloudformation = process.client("cloudformation")
    complete = set()
    for stack in cloudformation.list_stacks()["StackSummaries"]:
        assert stack["StackStatus"] in {"CREATE_COMPLETE", "ROLLBACK_COMPLETE"}
        if stack["StackStatus"] == "CREATE_COMPLETE":
            complete.add(stack["StackName"])
        found[f"stack {stack['StackStatus']}"] += stack["StackName"] in work.stacks
    names = {stack["StackName"] for stack in cloudformation.list_stacks()["StackSummaries"]}
    assert set(work.stacks) <= names
    pages = process.client("sqs").get_paginator("list_queues").paginate()
    queues = {url.rpartition("/")[2] for page in pages for url in page.get("QueueUrls", [])}
    expected = {f"q-{name.removeprefix('stack-')}-{number}" for name in complete for number in range(5)}
    assert queues == expected


def test_what_was_answered_survives_a_kill_at_any_moment(process: Process) -> None:
    generator = random.Random(SEED)
    process.start()
    prepare(process)
    outcomes: Counter[str] = Counter()
    for number in range(KILLS):
        work = Work(process, number)
        timer = threading.Timer(generator.uniform(0.2, 4), process.kill)
        timer.start()
        work.run()
        timer.join()
        process.start()
        outcomes += check(process, work)
        outcomes["uploads"] += len(work.objects)
        outcomes["approvals"] += len(work.approved)
    sys.stderr.write(f"\n{KILLS} kills: {dict(sorted(outcomes.items()))}\n")


def control_calls(process: Process) -> tuple[float, float]:
    """Make calls that change something; return the median and the server's CPU time of one, in ms."""
    ssm, sagemaker, s3 = (process.client(name) for name in ("ssm", "sagemaker", "s3"))
    s3.create_bucket(Bucket="calls", CreateBucketConfiguration={"LocationConstraint": REGION})
    sagemaker.create_model_package_group(ModelPackageGroupName="calls")
    calls: list[Callable[[], Any]] = [
        lambda: ssm.put_parameter(Name="/paused", Type="String", Value="no", Overwrite=True),
        lambda: sagemaker.create_model_package(ModelPackageGroupName="calls"),
        lambda: s3.put_object(Bucket="calls", Key="contract.json", Body=bytes(10_000)),
    ]
    before = cpu_seconds(process.pid)
    taken = []
    for _ in range(100):
        for call in calls:
            began = time.perf_counter()
            call()
            taken.append((time.perf_counter() - began) * 1000)
    return median(taken), (cpu_seconds(process.pid) - before) * 1000 / len(taken)


def test_a_write_costs_little(process: Process) -> None:
    in_memory = Process(None)
    try:
        in_memory.start()
        without = control_calls(in_memory)
    finally:
        in_memory.kill()
    process.start()
    took = control_calls(process)
    sys.stderr.write(
        f"\na write takes {took[0]:.1f} ms instead of {without[0]:.1f} in memory (medians), "
        f"and {took[1]:.1f} ms of CPU instead of {without[1]:.1f}\n"
    )
    # Of the two, only the CPU time does not depend on what else the machine does.
    assert took[1] - without[1] <= MOST_WRITE_MILLISECONDS


def test_a_large_state_starts_quickly(process: Process) -> None:
    process.start()
    s3 = process.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for number in range(LARGE // PIECE):
        s3.put_object(Bucket=BUCKET, Key=str(number), Body=random.Random(number).randbytes(PIECE))
    for number in range(1000):
        s3.put_object(Bucket=BUCKET, Key=f"small/{number}", Body=b"x" * 1000)
    process.kill()
    cpu, seconds = (process.start(), cpu_seconds(process.pid))[::-1]
    sys.stderr.write(f"\nstarting with a state of 1 GB takes {seconds:.1f} s ({cpu:.1f} s of CPU time)\n")
    assert len(s3.list_objects_v2(Bucket=BUCKET, Prefix="small/")["Contents"]) == 1000
    assert seconds <= MOST_START_SECONDS
