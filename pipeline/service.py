"""Creates, updates, starts, watches and stops the pipeline through boto3."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pipeline.project import Project

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import PipelineExecutionStepTypeDef

MAX_PARALLEL_STEPS = 4
_RUNNING = ("Executing", "Stopping")


@dataclass(frozen=True)
class StepState:
    """One step of an execution.

    Parameters
    ----------
    name
        The step's name.
    type
        ``Processing``, ``Training``, ``Condition``, ``Fail`` or ``RegisterModel``; None until SageMaker
        reports it.
    status
        ``Starting``, ``Executing``, ``Stopping``, ``Stopped``, ``Failed`` or ``Succeeded``.
    start, end
        Times with a time zone; None until the step starts or ends.
    failure_reason
        A failed job's own message if there is one, otherwise the reason from SageMaker.
    cached
        Whether the outputs of an earlier execution are reused.
    arn
        The ARN of the job, or for RegisterModel of the model package.
    description
        What the step does, from the pipeline definition.
    """

    name: str
    type: str | None
    status: str
    start: datetime | None
    end: datetime | None
    failure_reason: str | None
    cached: bool
    arn: str | None
    description: str | None = None


@dataclass(frozen=True)
class Execution:
    """An execution; ``describe`` adds its parameters, and its steps in the order in which they started."""

    arn: str
    display_name: str | None
    status: str
    start: datetime | None
    end: datetime | None
    failure_reason: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepState, ...] = ()

    @property
    def id(self) -> str:
        """The last part of the ARN, which is also the name of the execution's folders in the bucket."""
        return self.arn.rpartition("/")[2]

    @property
    def ended(self) -> bool:
        """Whether the execution has finished."""
        return self.status not in _RUNNING


def upsert(
    sagemaker: "SageMakerClient",
    name: str,
    definition: str,
    role_arn: str,
    tags: Mapping[str, str],
    *,
    description: str,
    max_parallel_steps: int = MAX_PARALLEL_STEPS,
) -> Literal["created", "updated", "unchanged"]:
    """Create a pipeline, or update it if it differs, and return which.

    Tags are only set when the pipeline is created.
    """
    wanted: dict[str, Any] = {
        "PipelineDefinition": definition,
        "RoleArn": role_arn,
        "PipelineDescription": description,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": max_parallel_steps},
    }
    if not _exists(sagemaker, name):
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        sagemaker.create_pipeline(PipelineName=name, **wanted)
        return "created"
    present = sagemaker.describe_pipeline(PipelineName=name)
    if all(present.get(key) == value for key, value in wanted.items()):
        return "unchanged"
    sagemaker.update_pipeline(PipelineName=name, **wanted)
    return "updated"


def start(
    sagemaker: "SageMakerClient",
    project: Project,
    parameters: Mapping[str, object],
    display_name: str | None = None,
    token: str | None = None,
) -> str:
    """Start an execution with parameters and return its ARN; the same token starts only one."""
    options: Any = {"PipelineExecutionDisplayName": display_name} if display_name else {}
    if token:
        options["ClientRequestToken"] = token
    answer = sagemaker.start_pipeline_execution(
        PipelineName=project.pipeline,
        PipelineParameters=[{"Name": name, "Value": str(value)} for name, value in parameters.items()],
        **options,
    )
    return answer["PipelineExecutionArn"]


def stop(sagemaker: "SageMakerClient", arn: str) -> None:
    """Request that an execution stops; its jobs take some time to end."""
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)  # type: ignore[call-arg]  # botocore adds a token


def retry(sagemaker: "SageMakerClient", arn: str) -> None:
    """Run the failed, stopped and remaining steps of an execution; the others keep their outputs."""
    sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)  # type: ignore[call-arg]  # as in stop


def describe(sagemaker: "SageMakerClient", arn: str) -> Execution:
    """Return an execution with its steps and the reason of each failed step."""
    return _with_steps(sagemaker, describe_briefly(sagemaker, arn))


def describe_briefly(sagemaker: "SageMakerClient", arn: str) -> Execution:
    """Return an execution without its steps, which take most of the requests."""
    return _describe(sagemaker, arn, read_values(sagemaker, arn))


def watch(
    sagemaker: "SageMakerClient",
    arn: str,
    *,
    interval: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Execution]:
    """Yield an execution whenever it has changed, until it has finished.

    Parameters
    ----------
    interval
        Seconds between two requests.
    """
    parameters = read_values(sagemaker, arn)
    last = None
    while last is None or not last.ended:
        if last is not None:
            sleep(interval)
        execution = _with_steps(sagemaker, _describe(sagemaker, arn, parameters))
        if execution != last:
            yield execution
        last = execution


def list_executions(sagemaker: "SageMakerClient", pipeline: str, limit: int = 20) -> list[Execution]:
    """Return the newest executions of a pipeline, newest first, without their steps."""
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"MaxItems": limit, "PageSize": min(limit, 100)},
    )
    return [
        Execution(
            arn=summary["PipelineExecutionArn"],
            display_name=summary.get("PipelineExecutionDisplayName"),
            status=summary["PipelineExecutionStatus"],
            start=summary.get("StartTime"),
            end=None,
            failure_reason=summary.get("PipelineExecutionFailureReason"),
        )
        for page in pages
        for summary in page["PipelineExecutionSummaries"]
    ]


def read_steps(sagemaker: "SageMakerClient", arn: str) -> tuple[StepState, ...]:
    """Return the steps of an execution, in the order in which they started."""
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    steps = [_step_state(sagemaker, step) for page in pages for step in page["PipelineExecutionSteps"]]
    return tuple(sorted(steps, key=lambda step: step.start or datetime.max.replace(tzinfo=UTC)))


def read_values(sagemaker: "SageMakerClient", arn: str) -> dict[str, str]:
    """Return the values of an execution's parameters, which never change."""
    pages = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
        PipelineExecutionArn=arn
    )
    return {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}


def _exists(sagemaker: "SageMakerClient", pipeline: str) -> bool:
    pages = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix=pipeline)
    return any(summary["PipelineName"] == pipeline for page in pages for summary in page["PipelineSummaries"])


def _describe(sagemaker: "SageMakerClient", arn: str, parameters: Mapping[str, str]) -> Execution:
    execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    ended = execution["PipelineExecutionStatus"] not in _RUNNING
    return Execution(
        arn=arn,
        display_name=execution.get("PipelineExecutionDisplayName"),
        status=execution["PipelineExecutionStatus"],
        start=execution.get("CreationTime"),
        end=execution.get("LastModifiedTime") if ended else None,
        failure_reason=execution.get("FailureReason"),
        parameters=parameters,
    )


def _with_steps(sagemaker: "SageMakerClient", execution: Execution) -> Execution:
    return replace(execution, steps=read_steps(sagemaker, execution.arn))


_TYPES = {"ProcessingJob": "Processing", "TrainingJob": "Training"}


def _step_state(sagemaker: "SageMakerClient", step: "PipelineExecutionStepTypeDef") -> StepState:
    # Metadata has one entry, named after the resource that the step created.
    metadata: Mapping[str, Any] = step.get("Metadata", {})
    kind = next(iter(metadata), None)
    created = metadata[kind] if kind else {}
    failure_reason = step.get("FailureReason")
    if step["StepStatus"] == "Failed" and "Arn" in created:
        failure_reason = _job_failure_reason(sagemaker, kind, created["Arn"]) or failure_reason
    return StepState(
        name=step["StepName"],
        type=_TYPES.get(kind, kind) if kind else None,
        status=step["StepStatus"],
        start=step.get("StartTime"),
        end=step.get("EndTime"),
        failure_reason=failure_reason,
        cached="CacheHitResult" in step,
        arn=created.get("Arn"),
        description=step.get("StepDescription"),
    )


def _job_failure_reason(sagemaker: "SageMakerClient", kind: str | None, arn: str) -> str | None:
    name = arn.rpartition("/")[2]
    if kind == "ProcessingJob":
        processing = sagemaker.describe_processing_job(ProcessingJobName=name)
        # The exit message is the step's own message; the failure reason is generic.
        return processing.get("ExitMessage") or processing.get("FailureReason")
    if kind == "TrainingJob":
        return sagemaker.describe_training_job(TrainingJobName=name).get("FailureReason")
    return None
