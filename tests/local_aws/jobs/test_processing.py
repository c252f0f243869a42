"""Processing jobs: the files and environment they get, and how they fail."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, Cloud, eventually, processing_request
from support.local_aws.jobs import OUT, ended_processing, log_of, process_is_there, run_processing

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


def test_the_folder_of_a_job_is_removed_with_its_temporary_files(cloud: Cloud) -> None:
    script = (
        "import os, pathlib, sys, tempfile\n"
        "pathlib.Path(sys.argv[1], 'base').write_text(os.environ['SAGEMAKER_BASE_DIR'])\n"
        "pathlib.Path(sys.argv[1], 'temporary').write_text(tempfile.mkdtemp())"
    )
    run_processing(cloud, script)
    ended_processing(cloud)
    base = cloud.get("out/job/base").decode()
    assert base.endswith("/jobs/job/opt/ml")
    assert Path(cloud.get("out/job/temporary").decode()).is_relative_to(base)
    assert not os.path.exists(base)  # noqa: PTH110


def listed(cloud: Cloud, manifest: object) -> dict[str, Any]:
    """Run a job with an input that a manifest lists, and return its description."""
    uri = cloud.put("lists/objects.manifest", json.dumps(manifest))
    code = cloud.put_script("report", REPORT)
    request = processing_request({"code": code, "data": uri}, [OUT], f"s3://{BUCKET}/out")
    source = next(each for each in request["ProcessingInputs"] if each["InputName"] == "data")["S3Input"]
    source |= {"S3DataType": "ManifestFile", "S3DataDistributionType": "ShardedByS3Key"}
    cloud.sagemaker.create_processing_job(ProcessingJobName="job", **request)
    return ended_processing(cloud)


def test_a_manifest_lists_the_objects_of_an_input(cloud: Cloud) -> None:
    for name in ("2026/a.gz", "2026/b.gz", "2027/c.gz"):
        cloud.put(f"log/{name}", name)
    described = listed(cloud, [{"prefix": f"s3://{BUCKET}/log/"}, "2026/a.gz", "2027/c.gz"])
    assert described["ProcessingJobStatus"] == "Completed", described
    files = json.loads(cloud.get("out/sub/report.json"))["files"]
    assert [name for name in files if "/data/" in name] == [
        "processing/input/data/2026/a.gz",
        "processing/input/data/2027/c.gz",
    ]


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ([{"prefix": f"s3://{BUCKET}/log/"}], "is not valid; it must be a JSON list of"),
        ({"prefix": f"s3://{BUCKET}/log/"}, "is not valid; it must be a JSON list of"),
        ([{"prefix": f"s3://{BUCKET}/log/"}, "gone.gz"], f"Failed to download s3://{BUCKET}/log/gone.gz"),
        ([{"prefix": f"s3://{BUCKET}/log/"}, "../../x"], "points outside the job's folder"),
    ],
)
def test_a_manifest_with_a_mistake_fails_the_job(cloud: Cloud, manifest: object, problem: str) -> None:
    described = listed(cloud, manifest)
    assert described["ProcessingJobStatus"] == "Failed"
    assert problem in described["FailureReason"]
