"""The console's lists read little of AWS and stay small, however long the history is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.console import Visitor
from support.local_aws.cloud import ROLE, Cloud, eventually
from support.local_aws.environment import project_with_bucket
from support.models.evaluations import compared, evaluation

from pipeline.service import list_executions
from scripts.aws.session import Aws

PROJECT = "console"
COUNT, SHOWN = 12, 10
MOST_BYTES = 60_000
DECLARED = [{"Name": f"Parameter{number}", "Type": "String", "DefaultValue": "x" * 40} for number in range(9)]
# Runs no job.
STEP = {
    "Name": "Nothing",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
        "IfSteps": [],
        "ElseSteps": [],
    },
}


@pytest.fixture
def aws(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A project with executions and versions, each with an evaluation."""
    found = project_with_bucket(cloud.aws, monkeypatch, PROJECT)
    sagemaker = found.client("sagemaker")
    definition = json.dumps({"Version": "2020-12-01", "Parameters": DECLARED, "Steps": [STEP]})
    sagemaker.create_pipeline(PipelineName=PROJECT, PipelineDefinition=definition, RoleArn=ROLE)
    sagemaker.create_model_package_group(ModelPackageGroupName=PROJECT)
    for _ in range(COUNT):
        given = [{"Name": each["Name"], "Value": "y" * 40} for each in DECLARED]
        arn = sagemaker.start_pipeline_execution(PipelineName=PROJECT, PipelineParameters=given)[
            "PipelineExecutionArn"
        ]
        uri = found.project.evaluation_uri(arn.rpartition("/")[2])
        found.client("s3").put_object(
            Bucket=found.project.bucket,
            Key=uri.removeprefix(f"s3://{found.project.bucket}/"),
            Body=json.dumps(evaluation(champion=compared())).encode(),
        )
        sagemaker.create_model_package(
            ModelPackageGroupName=PROJECT,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"EvaluationUri": uri},
        )
    eventually(lambda: all(each.status == "Succeeded" for each in list_executions(sagemaker, PROJECT, COUNT)))
    return found


class Counting(Visitor):
    """A visitor who counts the console's requests to AWS."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self.calls: list[str] = []
        for service in ("cloudformation", "s3", "sagemaker"):
            events = self.site.aws.client(service).meta.events
            events.register("before-call", lambda model, **_: self.calls.append(model.name))

    def count(self, path: str) -> tuple[int, Any]:
        """Return the number of requests for a page, and the page."""
        before = len(self.calls)
        response = self.get(path)
        assert response.status_code == 200, response.text
        return len(self.calls) - before, response


@pytest.mark.parametrize(("path", "requests_per_row"), [("/executions", 3), ("/versions", 2)])
def test_a_list_only_reads_what_it_shows(aws: Aws, path: str, requests_per_row: int) -> None:
    visitor = Counting(aws)
    cold, first = visitor.count(path)
    assert cold <= SHOWN * requests_per_row + 3
    assert first.text.count("0.941") == SHOWN
    assert len(first.data) <= MOST_BYTES
    # THEN what can't change is not read again, not even after a change
    visitor.site.reads.forget()
    again, _ = visitor.count(path)
    assert again <= (3 if path == "/executions" else SHOWN + 3)
    # and the other page has the rest
    _, second = visitor.count(f"{path}?page=2")
    assert second.text.count("0.941") == COUNT - SHOWN
