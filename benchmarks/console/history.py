"""Makes a service with a long history on local AWS: one real execution, and quick ones with its files."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.common.figures import BUILD
from pipeline.service import list_executions
from scripts.aws.registry import describe_version, list_versions
from scripts.aws.session import Aws
from scripts.data.data_file import DataFile, read_data_file
from scripts.data.sample import csv_bytes
from scripts.data.upload import upload
from scripts.deploy.deployment import deploy
from scripts.model.approval import set_approval, wait_until_served
from scripts.operate.executions import start_execution
from steps.dataset.known_files import SAMPLE_FILE_NAME

# The steps of the real pipeline. After the first execution, their results come from the step cache.
STEPS = ("SelectFeatures", "Resample", "TrainBaseline", "TrainRecommended", "Evaluate")
_NOTHING = "print('Nothing to do')\n"
_COPIED = ("CustomerMetadataProperties", "InferenceSpecification", "ModelMetrics")


def sample() -> DataFile:
    """Return a file of sample data."""
    path = BUILD / "console" / SAMPLE_FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_bytes())
    return read_data_file(path)


def make_service(aws: Aws, file: DataFile) -> str:
    """Deploy the service, train a model on a data file and put it into service; return the execution's id."""
    deploy(aws, confirm=lambda _: True)
    arn, _ = start_execution(aws, {"InputDataUri": upload(aws, file)})
    _wait(aws, 1)
    version = list_versions(aws)[0]
    set_approval(aws, describe_version(aws, version.arn), "Approved", "The first version")
    wait_until_served(aws, version.version)
    return arn.rpartition("/")[2]


def add_executions(aws: Aws, model: str, count: int) -> None:
    """Run quick executions until there are `count`, each with the evaluation and report of the real one."""
    _make_quick(aws)
    known = len(list_executions(aws.client("sagemaker"), aws.project.pipeline, count))
    for number in range(known, count):
        arn, _ = start_execution(aws, {"RandomSeed": str(number)})
        _copy(aws, model, arn.rpartition("/")[2])
        _wait(aws, number + 1)


def add_versions(aws: Aws, count: int) -> None:
    """Register copies of version 1 until there are `count`, each with an evaluation of its own."""
    sagemaker, known = aws.client("sagemaker"), list_versions(aws)
    first = describe_version(aws, known[-1].arn)
    executions = list_executions(sagemaker, aws.project.pipeline, count)
    for execution in executions[: count - len(known)]:
        copied = {name: first[name] for name in _COPIED if name in first}
        evaluation = aws.project.evaluation_uri(execution.id)
        copied["CustomerMetadataProperties"] |= {
            "EvaluationUri": evaluation,
            "ExecutionId": execution.id,
            "ReportUri": evaluation.replace("evaluation.json", "report.html"),
        }
        sagemaker.create_model_package(
            ModelPackageGroupName=aws.project.model_package_group,
            ModelApprovalStatus="PendingManualApproval",
            **copied,
        )


def _make_quick(aws: Aws) -> None:
    """Replace the jobs of the deployed pipeline by ones that do nothing."""
    sagemaker, bucket = aws.client("sagemaker"), aws.project.bucket
    aws.client("s3").put_object(Bucket=bucket, Key="quick/run.py", Body=_NOTHING.encode())
    deployed = sagemaker.describe_pipeline(PipelineName=aws.project.pipeline)
    definition = json.loads(deployed["PipelineDefinition"])
    role = deployed["RoleArn"]
    definition["Steps"] = [
        _step(name, STEPS[: STEPS.index(name)][-1:], role, f"s3://{bucket}/quick") for name in STEPS
    ]
    sagemaker.update_pipeline(
        PipelineName=aws.project.pipeline, PipelineDefinition=json.dumps(definition), RoleArn=role
    )


def _step(name: str, after: Sequence[str], role: str, folder: str) -> dict[str, Any]:
    code = {"S3Uri": f"{folder}/", "LocalPath": "/opt/ml/processing/input/code"}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": [*after],
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"},
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
                "ContainerArguments": [name],
            },
            "RoleArn": role,
            "ProcessingInputs": [
                {
                    "InputName": "code",
                    "AppManaged": False,
                    "S3Input": {**code, "S3DataType": "S3Prefix", "S3InputMode": "File"},
                }
            ],
        },
    }


def _copy(aws: Aws, source: str, target: str) -> None:
    """Copy the evaluation and the report of an execution to another one."""
    bucket, s3 = aws.project.bucket, aws.client("s3")
    for name in ("evaluation.json", "report.html"):
        key = f"models/{source}/evaluation/{name}"
        s3.copy_object(
            Bucket=bucket,
            Key=key.replace(source, target),
            CopySource={"Bucket": bucket, "Key": key},
        )


def _wait(aws: Aws, count: int) -> None:
    """Wait until the newest of `count` executions has ended."""
    while True:
        (newest,) = list_executions(aws.client("sagemaker"), aws.project.pipeline, 1)
        if newest.ended:
            if newest.status != "Succeeded":
                raise SystemExit(f"Execution {count} ended as {newest.status}: {newest.failure_reason}")
            return
        time.sleep(0.05)
