"""The same actions through different clients of AWS."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Protocol

import boto3
from support.repository import ROOT


class Driver(Protocol):
    """What users do with the service."""

    def start(self, pipeline: str, uri: str) -> str:
        """Start an execution; return its ARN."""

    def executions(self, pipeline: str) -> list[str]:
        """Return the ARNs of the executions."""

    def stop(self, execution: str) -> None:
        """Stop an execution."""

    def approve(self, package: str) -> None:
        """Approve a version."""

    def invoke(self, endpoint: str, body: str) -> str:
        """Return the endpoint's answer."""


class Boto3:
    """Version 3 of the AWS SDK for Python."""

    def start(self, pipeline: str, uri: str) -> str:
        """Start an execution; return its ARN."""
        parameters = [{"Name": "InputDataUri", "Value": uri}]
        started = boto3.client("sagemaker").start_pipeline_execution(
            PipelineName=pipeline, PipelineParameters=parameters
        )
        return str(started["PipelineExecutionArn"])

    def executions(self, pipeline: str) -> list[str]:
        """Return the ARNs of the executions."""
        found = boto3.client("sagemaker").list_pipeline_executions(PipelineName=pipeline)
        return [each["PipelineExecutionArn"] for each in found["PipelineExecutionSummaries"]]

    def stop(self, execution: str) -> None:
        """Stop an execution."""
        boto3.client("sagemaker").stop_pipeline_execution(
            PipelineExecutionArn=execution, ClientRequestToken="0" * 32
        )

    def approve(self, package: str) -> None:
        """Approve a version."""
        boto3.client("sagemaker").update_model_package(
            ModelPackageArn=package, ModelApprovalStatus="Approved"
        )

    def invoke(self, endpoint: str, body: str) -> str:
        """Return the endpoint's answer."""
        answer = boto3.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=body.encode()
        )
        return answer["Body"].read().decode()


class AwsCli:
    """The AWS CLI, in an environment of its own."""

    def start(self, pipeline: str, uri: str) -> str:
        """Start an execution; return its ARN."""
        parameters = f"Name=InputDataUri,Value={uri}"
        answer = self._run(
            "start-pipeline-execution", "--pipeline-name", pipeline, "--pipeline-parameters", parameters
        )
        return str(json.loads(answer)["PipelineExecutionArn"])

    def executions(self, pipeline: str) -> list[str]:
        """Return the ARNs of the executions."""
        found = json.loads(self._run("list-pipeline-executions", "--pipeline-name", pipeline))
        return [each["PipelineExecutionArn"] for each in found["PipelineExecutionSummaries"]]

    def stop(self, execution: str) -> None:
        """Stop an execution."""
        self._run("stop-pipeline-execution", "--pipeline-execution-arn", execution)

    def approve(self, package: str) -> None:
        """Approve a version."""
        status = ("--model-approval-status", "Approved")
        self._run("update-model-package", "--model-package-arn", package, *status)

    def invoke(self, endpoint: str, body: str) -> str:
        """Return the endpoint's answer."""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "answer"
            content = ("--content-type", "application/json", "--body", body)
            runtime = ("invoke-endpoint", "--endpoint-name", endpoint, *content, str(output))
            self._run(*runtime, service="sagemaker-runtime")
            return output.read_text(encoding="utf-8")

    @staticmethod
    def _run(*arguments: str, service: str = "sagemaker") -> str:
        return _output([str(ROOT / ".venv-aws-cli" / "bin" / "aws"), "--output", "json", service, *arguments])


class SdkV3:
    """The SageMaker SDK 3: its pipelines and its resource classes."""

    def __init__(self) -> None:
        self._started: dict[str, Any] = {}

    def start(self, pipeline: str, uri: str) -> str:
        """Start an execution; return its ARN."""
        from sagemaker.mlops.workflow.pipeline import Pipeline

        started = Pipeline(name=pipeline).start(parameters={"InputDataUri": uri})
        self._started[str(started.arn)] = started
        return str(started.arn)

    def executions(self, pipeline: str) -> list[str]:
        """Return the ARNs of the executions."""
        from sagemaker.core.resources import PipelineExecution

        return [
            str(each.pipeline_execution_arn) for each in PipelineExecution.get_all(pipeline_name=pipeline)
        ]

    def stop(self, execution: str) -> None:
        """Stop an execution that was started here."""
        # PipelineExecution.stop() of SDK 3.27 fails before it calls AWS.
        self._started[execution].stop()

    def approve(self, package: str) -> None:
        """Approve a version."""
        from sagemaker.core.resources import ModelPackage

        ModelPackage.get(model_package_name=package).update(model_approval_status="Approved")

    def invoke(self, endpoint: str, body: str) -> str:
        """Return the endpoint's answer."""
        from sagemaker.core.resources import Endpoint

        answer = Endpoint.get(endpoint_name=endpoint).invoke(body=body, content_type="application/json")
        return str(answer.body.read().decode())


class SdkV2:
    """The SageMaker SDK 2, in an environment of its own."""

    def start(self, pipeline: str, uri: str) -> str:
        """Start an execution; return its ARN."""
        return str(self._run("start", pipeline, uri))

    def executions(self, pipeline: str) -> list[str]:
        """Return the ARNs of the executions."""
        return list(self._run("list", pipeline))

    def stop(self, execution: str) -> None:
        """Stop an execution."""
        self._run("stop", execution)

    def approve(self, package: str) -> None:
        """Approve a version."""
        self._run("approve", package)

    def invoke(self, endpoint: str, body: str) -> str:
        """Return the endpoint's answer."""
        return str(self._run("invoke", endpoint, body))

    @staticmethod
    def _run(*arguments: str) -> Any:
        program = ROOT / "tests" / "clients" / "sdk_v2" / "client.py"
        output = _output([str(ROOT / ".venv-sdk-v2" / "bin" / "python"), str(program), *arguments])
        return json.loads(output.splitlines()[-1])


def _output(command: list[str]) -> str:
    """Run a program, which must succeed; return what it prints."""
    # Without PYTHONPATH, which leads to the modules of this environment.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
    return done.stdout.strip()
