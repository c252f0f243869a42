"""The service of the end-to-end test, used as people use it from a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.deployment.inventory import inventory
from support.local_aws.cloud import Cloud, eventually
from support.permissions.recordings import Recording
from typer.testing import CliRunner

from pipeline.service import Execution, describe
from scripts.aws.outbox import read_outbox
from scripts.aws.session import Aws
from scripts.cli import app

PROJECT = "bankruptcy-life"


class Service:
    """The service, used from a terminal."""

    def __init__(
        self, aws: Aws, root: Cloud, recording: Recording, credentials: dict[str, dict[str, str]]
    ) -> None:
        self.aws = aws
        self._root = root
        self.recording = recording
        self._credentials = credentials

    @contextmanager
    def as_person(self, person: str) -> Iterator[None]:
        """Run commands with the credentials of another person than the deployer."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._credentials[person].items():
                patch.setenv(name, value)
            yield

    def refused(self, *arguments: str) -> str:
        """Run a command, which must fail; return its output."""
        result = CliRunner().invoke(app, [*arguments, "--project", PROJECT])
        assert result.exit_code != 0, f"{' '.join(arguments)}: {result.output}"
        return " ".join(result.output.split())

    def inventory(self) -> list[str]:
        """List the resources of the account as its root user; the deployer's policies do not allow that."""
        return inventory(lambda service: getattr(self._root, service))

    def run(self, *arguments: str) -> str:
        """Run a command, which must succeed; return its output."""
        result = CliRunner().invoke(app, [*arguments, "--project", PROJECT])
        assert result.exit_code == 0, f"{' '.join(arguments)}: {result.output} {result.exception!r}"
        return result.output

    def execute(self, *parameters: str) -> Execution:
        """Run the pipeline to its end on the newest upload, with a fast estimator.

        Also wait for the notice that the version waits: one that is approved earlier gets none.
        """
        notices_before = _approval_notices()
        options = [
            option for parameter in ("Estimator=logistic", *parameters) for option in ("-p", parameter)
        ]
        self.run("pipeline", "start", "--wait", *options)
        eventually(lambda: _approval_notices() > notices_before)
        sagemaker = self.aws.client("sagemaker")
        newest = sagemaker.list_pipeline_executions(
            PipelineName=self.aws.project.pipeline, SortBy="CreationTime", SortOrder="Descending"
        )["PipelineExecutionSummaries"][0]
        return describe(sagemaker, newest["PipelineExecutionArn"])

    def contract(self) -> dict[str, object]:
        """Return the champion's contract."""
        s3 = self.aws.client("s3")
        body = s3.get_object(Bucket=self.aws.project.bucket, Key="champion/contract.json")["Body"]
        found: dict[str, object] = json.load(body)
        return found


def _approval_notices() -> int:
    """Return how many notices of versions that wait for approval were sent."""
    return sum("waits for approval" in message["subject"] for message in read_outbox())
