"""The pipeline at SageMaker: created, updated, started and watched through boto3."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from support.local_aws.cloud import Cloud

from pipeline import service
from pipeline.project import Project

PROJECT = Project("bankruptcy", "123456789012", "eu-west-1")
ROLE = "arn:aws:iam::123456789012:role/bankruptcy-pipeline"
EXECUTION = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/bankruptcy/execution/abcdefghijkl"
BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "InputDataUri", "Type": "String", "DefaultValue": ""},
            {"Name": "FeatureCount", "Type": "Integer", "DefaultValue": 50},
        ],
        "Steps": [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "the end"}}],
    }
)


def _client() -> Any:
    return boto3.client(
        "sagemaker", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


@pytest.fixture
def sagemaker(cloud: Cloud) -> Any:
    return cloud.sagemaker


def upsert(sagemaker: Any, definition: str, role: str, tags: dict[str, str], **more: Any) -> str:
    return service.upsert(sagemaker, "bankruptcy", definition, role, tags, description="A pipeline", **more)


class TestUpsert:
    def test_creates_a_pipeline_with_its_tags(self, sagemaker: Any) -> None:
        assert upsert(sagemaker, DEFINITION, ROLE, {"project": "bankruptcy"}) == "created"
        pipeline = sagemaker.describe_pipeline(PipelineName="bankruptcy")
        assert pipeline["PipelineDefinition"] == DEFINITION
        assert pipeline["RoleArn"] == ROLE
        assert pipeline["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 4}
        tags = sagemaker.list_tags(ResourceArn=pipeline["PipelineArn"])["Tags"]
        assert tags == [{"Key": "project", "Value": "bankruptcy"}]

    def test_leaves_an_unchanged_pipeline_alone(self, sagemaker: Any) -> None:
        upsert(sagemaker, DEFINITION, ROLE, {})
        before = sagemaker.describe_pipeline(PipelineName="bankruptcy")["LastModifiedTime"]
        assert upsert(sagemaker, DEFINITION, ROLE, {}) == "unchanged"
        assert sagemaker.describe_pipeline(PipelineName="bankruptcy")["LastModifiedTime"] == before

    @pytest.mark.parametrize(
        ("definition", "role", "parallel"),
        [(DEFINITION + " ", ROLE, 4), (DEFINITION, ROLE + "-2", 4), (DEFINITION, ROLE, 1)],
    )
    def test_updates_a_changed_pipeline(
        self, sagemaker: Any, definition: str, role: str, parallel: int
    ) -> None:
        upsert(sagemaker, DEFINITION, ROLE, {})
        answer = upsert(sagemaker, definition, role, {}, max_parallel_steps=parallel)
        pipeline = sagemaker.describe_pipeline(PipelineName="bankruptcy")
        assert answer == "updated"
        assert pipeline["PipelineDefinition"] == definition
        assert pipeline["RoleArn"] == role
        assert pipeline["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": parallel}


def test_an_execution_is_started_with_its_parameters_as_text(sagemaker: Any) -> None:
    upsert(sagemaker, DEFINITION, ROLE, {})
    arn = service.start(
        sagemaker, PROJECT, {"InputDataUri": "s3://b/data.csv", "FeatureCount": 30}, "first-try"
    )

    pages = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert pages["PipelineParameters"] == [
        {"Name": "InputDataUri", "Value": "s3://b/data.csv"},
        {"Name": "FeatureCount", "Value": "30"},
    ]
    (listed,) = service.list_executions(sagemaker, PROJECT.pipeline)
    assert (listed.arn, listed.display_name) == (arn, "first-try")


class FakeSageMaker:
    """A client that returns a test's answers in order."""

    def __init__(self) -> None:
        self.client = _client()
        self.stubber = Stubber(self.client)

    def parameters(self, **parameters: str) -> None:
        """Answer one request for the parameters of an execution."""
        given = [{"Name": name, "Value": value} for name, value in parameters.items()]
        self.stubber.add_response(
            "list_pipeline_parameters_for_execution",
            {"PipelineParameters": given},
            {"PipelineExecutionArn": EXECUTION},
        )

    def execution(
        self,
        status: str,
        steps: list[dict[str, Any]],
        jobs: list[tuple[str, dict[str, Any], dict[str, Any]]] | None = None,
    ) -> None:
        """Answer one description of an execution; ``jobs`` are describe operations, answers and requests."""
        asked = {"PipelineExecutionArn": EXECUTION}
        description = {
            "PipelineExecutionArn": EXECUTION,
            "PipelineExecutionStatus": status,
            "CreationTime": BEGIN,
            "LastModifiedTime": BEGIN + timedelta(minutes=9),
            **(
                {"FailureReason": "Step failure: One or multiple steps failed."} if status == "Failed" else {}
            ),
        }
        self.stubber.add_response("describe_pipeline_execution", description, asked)
        self.stubber.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": steps}, asked)
        for operation, answer, question in jobs or []:
            self.stubber.add_response(operation, answer, question)


@pytest.fixture
def fake() -> Iterator[FakeSageMaker]:
    fake = FakeSageMaker()
    with fake.stubber:
        yield fake
        fake.stubber.assert_no_pending_responses()


def _step(name: str, status: str, minute: int | None = None, **rest: Any) -> dict[str, Any]:
    start = {} if minute is None else {"StartTime": BEGIN + timedelta(minutes=minute)}
    return {"StepName": name, "StepStatus": status, **start, **rest}


def _job(kind: str, name: str) -> dict[str, Any]:
    return {kind: {"Arn": f"arn:aws:sagemaker:eu-west-1:123456789012:job/{name}"}}


def _processing_job(**rest: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": "p",
        "ProcessingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:processing-job/p",
        "ProcessingJobStatus": "Failed",
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "image"},
        "CreationTime": BEGIN,
        **rest,
    }


def _training_job(**rest: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "t",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/t",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
        "TrainingJobStatus": "Failed",
        "SecondaryStatus": "Failed",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": BEGIN,
        **rest,
    }


class TestDescribe:
    def test_returns_parameters_and_steps_in_the_order_they_started(self, fake: FakeSageMaker) -> None:
        fake.parameters(InputDataUri="s3://b/data.csv")
        fake.execution(
            "Executing",
            [
                _step("Evaluate", "Starting"),
                _step("Resample", "Executing", 2, Metadata=_job("ProcessingJob", "r")),
                _step(
                    "SelectFeatures",
                    "Succeeded",
                    1,
                    EndTime=BEGIN + timedelta(minutes=2),
                    Metadata=_job("ProcessingJob", "s"),
                    CacheHitResult={"SourcePipelineExecutionArn": EXECUTION},
                ),
            ],
        )

        execution = service.describe(fake.client, EXECUTION)

        assert execution.id == "abcdefghijkl"
        assert not execution.ended
        assert execution.end is None
        assert execution.parameters == {"InputDataUri": "s3://b/data.csv"}
        assert [(step.name, step.type, step.status, step.cached) for step in execution.steps] == [
            ("SelectFeatures", "Processing", "Succeeded", True),
            ("Resample", "Processing", "Executing", False),
            ("Evaluate", None, "Starting", False),
        ]
        assert execution.steps[0].end == BEGIN + timedelta(minutes=2)
        assert execution.steps[0].arn == "arn:aws:sagemaker:eu-west-1:123456789012:job/s"

    def test_failed_jobs_report_their_own_reason(self, fake: FakeSageMaker) -> None:
        fake.parameters()
        fake.execution(
            "Failed",
            [
                _step("A", "Failed", 1, FailureReason="ClientError", Metadata=_job("ProcessingJob", "a")),
                _step("B", "Failed", 2, FailureReason="ClientError", Metadata=_job("ProcessingJob", "b")),
                _step("C", "Failed", 3, FailureReason="ClientError", Metadata=_job("TrainingJob", "c")),
                _step(
                    "D",
                    "Failed",
                    4,
                    FailureReason="Too bad.",
                    Metadata={"Fail": {"ErrorMessage": "Too bad."}},
                ),
                _step("E", "Failed", 5, FailureReason="No permission to create the job."),
            ],
            jobs=[
                (
                    "describe_processing_job",
                    _processing_job(ExitMessage="A column is missing.", FailureReason="exit code 1"),
                    {"ProcessingJobName": "a"},
                ),
                (
                    "describe_processing_job",
                    _processing_job(FailureReason="InternalServerError"),
                    {"ProcessingJobName": "b"},
                ),
                (
                    "describe_training_job",
                    _training_job(FailureReason="AlgorithmError: No bankruptcies."),
                    {"TrainingJobName": "c"},
                ),
            ],
        )

        execution = service.describe(fake.client, EXECUTION)

        assert execution.ended
        assert execution.end == BEGIN + timedelta(minutes=9)
        assert execution.failure_reason == "Step failure: One or multiple steps failed."
        assert [(step.type, step.failure_reason) for step in execution.steps] == [
            ("Processing", "A column is missing."),
            ("Processing", "InternalServerError"),
            ("Training", "AlgorithmError: No bankruptcies."),
            ("Fail", "Too bad."),
            (None, "No permission to create the job."),
        ]


class TestWatch:
    def test_yields_each_change_until_the_end(self, fake: FakeSageMaker) -> None:
        # GIVEN an execution that changes after two identical answers, and ends
        waited: list[float] = []
        fake.parameters(InputDataUri="s3://b/data.csv")
        fake.execution("Executing", [])
        fake.execution("Executing", [])
        fake.execution("Executing", [_step("SelectFeatures", "Executing", 1)])
        fake.execution("Succeeded", [_step("SelectFeatures", "Succeeded", 1)])
        # WHEN it is watched
        seen = list(service.watch(fake.client, EXECUTION, interval=7, sleep=waited.append))
        # THEN each state is yielded once, the interval is kept, and the parameters are read only once
        assert [(execution.status, len(execution.steps)) for execution in seen] == [
            ("Executing", 0),
            ("Executing", 1),
            ("Succeeded", 1),
        ]
        assert waited == [7, 7, 7]
        assert {execution.parameters["InputDataUri"] for execution in seen} == {"s3://b/data.csv"}


def test_an_execution_is_stopped_by_its_arn(fake: FakeSageMaker) -> None:
    fake.stubber.add_response("stop_pipeline_execution", {"PipelineExecutionArn": EXECUTION})
    service.stop(fake.client, EXECUTION)
