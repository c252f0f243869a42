"""Helpers for tests of local AWS: clients, requests and frequent operations."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3

from local_aws.server import LocalAws

T = TypeVar("T")

BUCKET = "local-tests"
ROLE = "arn:aws:iam::123456789012:role/pipeline-role"
# The script of a step that writes a file, and the folder of its output.
WRITE = """
import os, pathlib, sys
out = pathlib.Path(sys.argv[1]); out.mkdir(parents=True, exist_ok=True)
(out / "result.json").write_text(sys.argv[2])
"""
OUT = "/opt/ml/processing/output/out"


def out_uri(step: str) -> dict[str, str]:
    """Return the expression for a step's output URI."""
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


class Cloud:
    """Clients of local AWS, with methods for frequent operations."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self._clients: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        name = service.replace("_", "-")
        if name not in self._clients:
            self._clients[name] = boto3.client(
                name,  # type: ignore[call-overload]
                endpoint_url=self.aws.url,
                region_name=self.aws.region,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
        return self._clients[name]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def make_bucket(self) -> None:
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": self.aws.region}
        )

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def put_script(self, name: str, text: str) -> str:
        """Upload a script to its own folder and return the folder's URI."""
        return self.put(f"code/{name}/run.py", text).removesuffix("run.py")

    def start(self, steps: list[dict[str, Any]], **options: Any) -> str:
        """Create or update a pipeline, by default `p`, start it, and return the execution's ARN."""
        definition = json.dumps(
            {"Version": "2020-12-01", "Parameters": options.get("declared", []), "Steps": steps}
        )
        name = options.get("name", "p")
        pipeline = {"PipelineName": name, "PipelineDefinition": definition, "RoleArn": ROLE}
        if self.sagemaker.list_pipelines(PipelineNamePrefix=name)["PipelineSummaries"]:
            self.sagemaker.update_pipeline(**pipeline)
        else:
            self.sagemaker.create_pipeline(**pipeline)
        parameters = [{"Name": name, "Value": value} for name, value in options.get("values", {}).items()]
        started = self.sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=parameters)
        return str(started["PipelineExecutionArn"])

    def finish(self, execution: str) -> dict[str, Any]:
        """Wait for an execution to end and return its description."""

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
            return found if found["PipelineExecutionStatus"] in {"Succeeded", "Failed", "Stopped"} else None

        return eventually(ended)

    def steps(self, execution: str) -> dict[str, dict[str, Any]]:
        """Return an execution's steps by name."""
        listed = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)
        return {each["StepName"]: each for each in listed["PipelineExecutionSteps"]}


def eventually(look: Callable[[], T | None], seconds: float = 60) -> T:
    """Call `look` until its result is truthy, and return the result.

    The limit only ends a test that fails, so it is long enough for a busy machine.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"no result within {seconds} s"
        time.sleep(0.03)


def processing(
    name: str,
    code: str,
    arguments: list[Any] | None = None,
    inputs: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a Processing step that runs run.py from the folder `code` and has the output `out`."""
    inputs = {"code": code, **(inputs or {})}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": processing_request(inputs, arguments or [], f"s3://{BUCKET}/runs/{name}"),
        **more,
    }


def processing_request(inputs: dict[str, Any], arguments: list[Any], output: str) -> dict[str, Any]:
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
        "AppSpecification": {
            "ImageUri": "image",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
            **({"ContainerArguments": arguments} if arguments else {}),
        },
        "RoleArn": ROLE,
        "ProcessingInputs": [
            {
                "InputName": name,
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/input/{name}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for name, uri in inputs.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": output,
                        "LocalPath": "/opt/ml/processing/output/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }


def training_request(code: str, hyperparameters: dict[str, Any], channels: dict[str, Any]) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {
            "sagemaker_program": "run.py",
            "sagemaker_submit_directory": "/opt/ml/input/data/code",
            **hyperparameters,
        },
        "InputDataConfig": [
            {
                "ChannelName": name,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": uri,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for name, uri in {"code": code, **channels}.items()
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/training"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
