"""Training jobs: the files and environment they get, their model, and how they fail."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from support.local_aws.cloud import BUCKET, Cloud, training_request
from support.local_aws.jobs import ended_processing, ended_training, log_of, run_processing

from local_aws.jobs.files import JobError, unpack, upload_archive

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


@pytest.mark.parametrize(("cores", "share"), [(1, 1), (8, 4)])
def test_each_of_two_candidates_gets_half_of_the_cores(
    cores: int, share: int, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    code = cloud.put_script(
        "train",
        "import os, pathlib\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'cores').write_text(os.environ['SM_NUM_CPUS'])\n",
    )
    cloud.sagemaker.create_training_job(TrainingJobName="job", **training_request(code, {}, {}))
    assert ended_training(cloud)["TrainingJobStatus"] == "Completed"
    assert archived(cloud, "training/job/output/model.tar.gz") == {"cores": str(share).encode()}


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


def test_a_damaged_code_archive_fails_the_job(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_bytes(os.urandom(1000))
    uri = f"s3://{BUCKET}/code.tar.gz"
    upload_archive(cloud.s3, tmp_path / "model", uri)
    cloud.put("code.tar.gz", cloud.get("code.tar.gz")[:500])
    with pytest.raises(JobError, match=f"ClientError: Failed to unpack {uri}"):
        unpack(cloud.s3, uri, tmp_path / "unpacked")
