"""Processing and training jobs on local AWS, through boto3."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, Cloud, eventually, processing_request, training_request

from local_aws.jobs.files import JobError, unpack, upload_archive

OUT = "/opt/ml/processing/output/out"
ENDED = {"Completed", "Failed", "Stopped"}


def run_processing(cloud: Cloud, script: str, name: str = "job", **changes: Any) -> None:
    code = cloud.put_script(name, script)
    request = processing_request({"code": code}, [OUT, "plain"], f"s3://{BUCKET}/out/{name}")
    cloud.sagemaker.create_processing_job(ProcessingJobName=name, **{**request, **changes})


def ended_processing(cloud: Cloud, name: str = "job") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_processing_job(ProcessingJobName=name)
        return found if found["ProcessingJobStatus"] in ENDED else None

    return eventually(look, 20)


def ended_training(cloud: Cloud, name: str = "job") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] in ENDED else None

    return eventually(look, 20)


def wait_for_object(cloud: Cloud, key: str) -> bytes:
    def look() -> bytes | None:
        try:
            return cloud.get(key)
        except cloud.s3.exceptions.NoSuchKey:
            return None

    return eventually(look)


def log_of(cloud: Cloud, group: str, job: str, last: str) -> list[str]:
    """Return a job's log as soon as it contains the line `last`."""

    def look() -> list[str] | None:
        try:
            events = cloud.logs.get_log_events(logGroupName=group, logStreamName=f"{job}/algo-1")["events"]
        except cloud.logs.exceptions.ResourceNotFoundException:
            return None
        lines = [each["message"] for each in events]
        return lines if last in lines else None

    return eventually(look)


REPORT = """
import json, os, pathlib, sys
out = pathlib.Path(sys.argv[1])
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
(out / "sub").mkdir()
(out / "sub" / "report.json").write_text(json.dumps({
    "arguments": sys.argv[2:], "environment": dict(os.environ), "cwd": os.getcwd(),
    "files": sorted(str(p.relative_to(base)) for p in (base / "processing/input").rglob("*") if p.is_file()),
}))
print("out of", "the job")
print("and err", file=sys.stderr)
"""


def test_a_processing_job_gets_the_files_and_environment_of_the_container(cloud: Cloud) -> None:
    # GIVEN inputs as a prefix without a slash, and as a single object
    cloud.put("data/deep/a.txt", "a")
    cloud.put("data/b.txt", "b")
    single = cloud.put("single/only.csv", "c")
    code = cloud.put_script("report", REPORT)
    inputs = {"code": code, "data": f"s3://{BUCKET}/data", "single": single}
    request = processing_request(inputs, [OUT, "--plain", "value"], f"s3://{BUCKET}/out")
    # WHEN a job runs
    cloud.sagemaker.create_processing_job(ProcessingJobName="job", Environment={"WORD": "x"}, **request)
    described = cloud.sagemaker.describe_processing_job(ProcessingJobName="job")
    assert described["ProcessingJobStatus"] in {"InProgress", "Completed"}
    described = ended_processing(cloud)
    # THEN it found its files, arguments and environment, and its output was uploaded
    assert described["ProcessingJobStatus"] == "Completed", described
    assert described["Environment"] == {"WORD": "x"}
    assert described["ProcessingResources"] == request["ProcessingResources"]
    assert described["CreationTime"] <= described["ProcessingStartTime"] <= described["ProcessingEndTime"]
    report = json.loads(cloud.get("out/sub/report.json"))
    assert report["arguments"] == ["--plain", "value"]
    assert report["files"] == [
        "processing/input/code/run.py",
        "processing/input/data/b.txt",
        "processing/input/data/deep/a.txt",
        "processing/input/single/only.csv",
    ]
    environment = report["environment"]
    assert environment["WORD"] == "x"
    assert environment["AWS_ENDPOINT_URL"] == cloud.aws.url
    assert environment["PROCESSING_JOB_NAME"] == "job"
    assert "PYTEST_CURRENT_TEST" not in environment
    lines = log_of(cloud, "/aws/sagemaker/ProcessingJobs", "job", "and err")
    assert set(lines) == {"out of the job", "and err"}


def test_a_job_with_network_isolation_gets_no_aws_environment(cloud: Cloud) -> None:
    run_processing(cloud, REPORT, NetworkConfig={"EnableNetworkIsolation": True})
    assert ended_processing(cloud)["ProcessingJobStatus"] == "Completed"
    environment = json.loads(cloud.get("out/job/sub/report.json"))["environment"]
    assert [name for name in environment if name.startswith("AWS_")] == []


def test_a_failing_job_shows_its_message(cloud: Cloud) -> None:
    script = (
        "import os, sys\n"
        "open(os.environ['SAGEMAKER_BASE_DIR'] + '/output/message', 'w').write('No such column.')\n"
        "sys.exit(3)"
    )
    run_processing(cloud, script)
    described = ended_processing(cloud)
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["ExitMessage"] == "No such column."
    assert described["FailureReason"] == "AlgorithmError: No such column, exit code: 3"


def test_a_job_without_a_message_fails_with_the_end_of_its_log(cloud: Cloud) -> None:
    run_processing(cloud, "raise ValueError('boom')")
    reason = ended_processing(cloud)["FailureReason"]
    assert reason.endswith("ValueError: boom, exit code: 1")


def test_the_failure_of_a_killed_process_names_the_signal(cloud: Cloud) -> None:
    # GIVEN a job that logs its process id and sleeps
    script = (
        "import os, boto3, time\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='pid', Body=str(os.getpid()))\n"
        "time.sleep(60)"
    )
    run_processing(cloud, script)
    pid = int(wait_for_object(cloud, "pid"))
    # WHEN the process is killed
    os.kill(pid, signal.SIGKILL)
    # THEN the job has failed and gives the reason
    described = ended_processing(cloud)
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"] == (
        "AlgorithmError: The job's process was killed by signal 9 (SIGKILL), exit code: 137"
    )


def process_is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stopping_ends_the_whole_process_group(cloud: Cloud) -> None:
    # GIVEN a job that has started a child process and ignores SIGTERM
    script = (
        "import os, boto3, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='pid', Body=str(child.pid))\n"
        "time.sleep(60)"
    )
    run_processing(cloud, script)
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


def test_a_background_process_does_not_keep_the_job_running(cloud: Cloud) -> None:
    script = (
        "import pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path(sys.argv[1], 'pid').write_text(str(child.pid))\n"
    )
    run_processing(cloud, script)
    assert ended_processing(cloud)["ProcessingJobStatus"] == "Completed"
    pid = int(cloud.get("out/job/pid"))
    eventually(lambda: not process_is_there(pid))


def test_a_job_is_stopped_after_its_maximum_runtime(cloud: Cloud) -> None:
    began = time.monotonic()
    run_processing(cloud, "import time; time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    described = ended_processing(cloud)
    assert time.monotonic() - began < 10
    assert described["ProcessingJobStatus"] == "Stopped"
    assert described["FailureReason"].startswith("MaxRuntimeExceeded")


def test_the_failure_for_a_missing_input_names_its_uri(cloud: Cloud) -> None:
    request = processing_request({"code": f"s3://{BUCKET}/nothing/"}, [], f"s3://{BUCKET}/out")
    cloud.sagemaker.create_processing_job(ProcessingJobName="job", **request)
    described = ended_processing(cloud)
    assert described["ProcessingJobStatus"] == "Failed"
    assert f'No S3 objects found under S3 URL "s3://{BUCKET}/nothing/"' in described["FailureReason"]


def test_job_names_are_unique(cloud: Cloud) -> None:
    run_processing(cloud, "pass")
    with pytest.raises(ClientError) as caught:
        run_processing(cloud, "pass")
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="Could not find requested job with name: other"):
        cloud.sagemaker.describe_processing_job(ProcessingJobName="other")


def test_the_folder_of_a_job_is_removed(cloud: Cloud) -> None:
    script = (
        "import os, pathlib, sys\n"
        "pathlib.Path(sys.argv[1], 'base').write_text(os.environ['SAGEMAKER_BASE_DIR'])"
    )
    run_processing(cloud, script)
    ended_processing(cloud)
    base = cloud.get("out/job/base").decode()
    assert base.endswith("/jobs/job/opt/ml")
    assert not os.path.exists(base)  # noqa: PTH110


TRAIN = """
import json, os, pathlib, sys
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
config = base / "input/config"
pathlib.Path(os.environ["SM_MODEL_DIR"], "report.json").write_text(json.dumps({
    "arguments": sys.argv[1:],
    "cwd_is_code": os.getcwd() == os.path.join(str(base), "input/data/code"),
    "channel": os.listdir(os.environ["SM_CHANNEL_TRAIN"]),
    "channels": json.loads(os.environ["SM_CHANNELS"]),
    "hyperparameters": json.loads((config / "hyperparameters.json").read_text()),
    "inputdataconfig": sorted(json.loads((config / "inputdataconfig.json").read_text())),
    "hosts": json.loads((config / "resourceconfig.json").read_text())["hosts"],
    "SM_HPS": json.loads(os.environ["SM_HPS"]), "SM_HP_MAX-ITER": os.environ["SM_HP_MAX-ITER"],
}))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "extra.txt").write_text("extra")
"""


def archived(cloud: Cloud, key: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(cloud.get(key))) as archive:
        files = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                files[member.name] = file.read()
        return files


def test_a_training_job_gets_the_files_and_environment_of_the_container(cloud: Cloud) -> None:
    code = cloud.put_script("train", TRAIN)
    train = cloud.put("sets/train/x.csv", "1").removesuffix("x.csv")
    hyperparameters = {"max-iter": "10", "alpha": '"0.1"', "deep": "true"}
    request = training_request(code, hyperparameters, {"train": train})
    cloud.sagemaker.create_training_job(TrainingJobName="job", **request)
    described = ended_training(cloud)
    assert described["TrainingJobStatus"] == described["SecondaryStatus"] == "Completed", described
    uri = f"s3://{BUCKET}/training/job/output/model.tar.gz"
    assert described["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    assert [each["Status"] for each in described["SecondaryStatusTransitions"]] == [
        "Starting",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert "MetricDefinitions" not in described["AlgorithmSpecification"]
    files = archived(cloud, "training/job/output/model.tar.gz")
    assert list(files) == ["report.json"]
    assert json.loads(files["report.json"]) == {
        "arguments": ["--alpha", "0.1", "--deep", "True", "--max-iter", "10"],
        "cwd_is_code": True,
        "channel": ["x.csv"],
        "channels": ["code", "train"],
        "hyperparameters": request["HyperParameters"],
        "inputdataconfig": ["code", "train"],
        "hosts": ["algo-1"],
        "SM_HPS": {"max-iter": 10, "alpha": "0.1", "deep": True},
        "SM_HP_MAX-ITER": "10",
    }
    assert archived(cloud, "training/job/output/output.tar.gz") == {"extra.txt": b"extra"}


def test_a_failed_training_job_gives_its_reason_and_has_no_model(cloud: Cloud) -> None:
    code = cloud.put_script(
        "train",
        "import os, sys\n"
        "print('trying', flush=True)\n"
        "open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('One class only.')\n"
        "sys.exit(1)",
    )
    cloud.sagemaker.create_training_job(TrainingJobName="job", **training_request(code, {}, {}))
    described = ended_training(cloud)
    assert described["TrainingJobStatus"] == described["SecondaryStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: One class only, exit code: 1"
    assert "ModelArtifacts" not in described
    assert cloud.s3.list_objects_v2(Bucket=BUCKET, Prefix="training/")["KeyCount"] == 0
    assert log_of(cloud, "/aws/sagemaker/TrainingJobs", "job", "trying") == ["trying"]


def test_a_job_with_a_name_used_before_a_reset_writes_its_log(cloud: Cloud) -> None:
    for _ in range(2):
        run_processing(cloud, "print('hello')")
        ended_processing(cloud)
        assert log_of(cloud, "/aws/sagemaker/ProcessingJobs", "job", "hello") == ["hello"]
        cloud.aws.reset()
        cloud.make_bucket()


def test_a_training_job_can_be_stopped(cloud: Cloud) -> None:
    code = cloud.put_script("train", "import time; time.sleep(60)")
    cloud.sagemaker.create_training_job(TrainingJobName="job", **training_request(code, {}, {}))
    cloud.sagemaker.stop_training_job(TrainingJobName="job")
    described = ended_training(cloud)
    assert described["TrainingJobStatus"] == described["SecondaryStatus"] == "Stopped"


def test_a_training_job_with_only_an_image_fails(cloud: Cloud) -> None:
    request = training_request(cloud.put_script("train", "pass"), {}, {})
    request["HyperParameters"] = {}
    cloud.sagemaker.create_training_job(TrainingJobName="job", **request)
    assert "set the hyperparameters sagemaker_program" in ended_training(cloud)["FailureReason"]


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
    script = (
        "import boto3, os, signal, sys, time\n"
        "def leave(*_):\n"
        "    print('goodbye', flush=True)\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='pid', Body=str(os.getpid()))\n"
        "time.sleep(60)"
    )
    run_processing(cloud, script)
    wait_for_object(cloud, "pid")
    # WHEN it is stopped
    cloud.sagemaker.stop_processing_job(ProcessingJobName="job")
    # THEN it got one signal and is Stopped, although its exit code is 0
    assert ended_processing(cloud)["ProcessingJobStatus"] == "Stopped"
    assert log_of(cloud, "/aws/sagemaker/ProcessingJobs", "job", "goodbye") == ["goodbye"]


def test_a_job_whose_supervisor_is_killed_fails(cloud: Cloud) -> None:
    script = (
        "import boto3, os, time\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='pid', Body=str(os.getppid()))\n"
        "time.sleep(60)"
    )
    run_processing(cloud, script)
    os.kill(int(wait_for_object(cloud, "pid")), signal.SIGTERM)
    described = ended_processing(cloud)
    assert described["ProcessingJobStatus"] == "Failed"
    assert "killed by signal 15 (SIGTERM)" in described["FailureReason"]


def test_a_damaged_code_archive_fails_the_job(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_bytes(os.urandom(1000))
    uri = f"s3://{BUCKET}/code.tar.gz"
    upload_archive(cloud.s3, tmp_path / "model", uri)
    cloud.put("code.tar.gz", cloud.get("code.tar.gz")[:500])
    with pytest.raises(JobError, match=f"ClientError: Failed to unpack {uri}"):
        unpack(cloud.s3, uri, tmp_path / "unpacked")
