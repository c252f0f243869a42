"""Pipelines and their executions."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemaker.utils import load_pipeline_definition_from_s3

from local_aws.base.documents import present
from local_aws.base.ids import random_id
from local_aws.pipelines.caching import CachedStep
from local_aws.pipelines.definition import DefinitionError, as_text, parameter_values, parse
from local_aws.pipelines.executions import Change, Execution, Listener
from local_aws.pipelines.executor import can_be_retried, retry
from local_aws.sagemaker.plane import Plane, ResourceNotFound, ValidationError, aware, page

# The metrics of executions are in this namespace; AWS spells it like this.
_NAMESPACE = "AWS/Sagemaker/ModelBuildingPipeline"


class PipelineActions(SageMakerResponse):  # type: ignore[misc]
    """Actions on pipelines, executions, steps and parameters."""

    plane: Plane

    def create_pipeline(self) -> ActionResult:
        """Create a pipeline after checking its definition; the same ClientRequestToken creates it once."""
        pipelines, name = self.sagemaker_backend.pipelines, self._get_param("PipelineName")
        token = self._get_param("ClientRequestToken")
        with self.plane.changes:
            earlier = pipelines.get(name)
            if earlier is not None and token and earlier.token == token:
                return ActionResult({"PipelineArn": earlier.arn})
            self._read_definition()
            result = super().create_pipeline()
            pipelines[name].token = token
        return result

    def update_pipeline(self) -> ActionResult:
        """Update a pipeline; running executions keep the definition they started with."""
        self._pipeline(self._get_param("PipelineName"))
        self._read_definition()
        result = super().update_pipeline()
        self._pipeline(self._get_param("PipelineName")).last_modified_time = datetime.now(UTC)
        return result

    def delete_pipeline(self) -> ActionResult:
        """Delete a pipeline and its executions, unless one is running."""
        pipeline = self._pipeline(self._get_param("PipelineName"))
        if any(each.status in {"Executing", "Stopping"} for each in self.plane.executions.of(pipeline.arn)):
            raise ValidationError(
                f"Pipeline {pipeline.arn} has running executions; stop them before you delete it."
            )
        self.plane.executions.drop(pipeline.arn)
        self.plane.executor.cache.forget(pipeline.arn)
        return super().delete_pipeline()

    def describe_pipeline(self) -> ActionResult:
        """Describe a pipeline, found by name or ARN."""
        self.params["PipelineName"] = self._pipeline(self._get_param("PipelineName")).pipeline_name
        return super().describe_pipeline()

    def start_pipeline_execution(self) -> ActionResult:
        """Start an execution; the same ClientRequestToken starts it once."""
        with self.plane.changes:
            pipeline = self._pipeline(self._get_param("PipelineName"))
            token = self._get_param("ClientRequestToken")
            for earlier in self.plane.executions.of(pipeline.arn):
                if token and earlier.token == token:
                    return ActionResult({"PipelineExecutionArn": earlier.arn})
            execution = self._new_execution(pipeline, token)
            self.plane.executions.add(execution)
        pipeline.last_execution_time = execution.created
        execution.listener(Change(execution, None, "Executing"))
        self.plane.executor.start(execution)
        return ActionResult({"PipelineExecutionArn": execution.arn})

    def _new_execution(self, pipeline: Any, token: str | None) -> Execution:
        try:
            definition = parse(pipeline.pipeline_definition)
            values = parameter_values(definition, self._get_param("PipelineParameters") or [])
        except DefinitionError as error:
            raise ValidationError(str(error)) from error
        name = random_id(12)
        return Execution(
            arn=f"{pipeline.arn}/execution/{name}",
            pipeline_name=pipeline.pipeline_name,
            pipeline_arn=pipeline.arn,
            role=pipeline.role_arn,
            definition=definition,
            definition_text=pipeline.pipeline_definition,
            values=values,
            display_name=self._get_param("PipelineExecutionDisplayName")
            or f"execution-{int(datetime.now(UTC).timestamp() * 1000)}",
            description=self._get_param("PipelineExecutionDescription"),
            parallelism=self._get_param("ParallelismConfiguration") or pipeline.parallelism_configuration,
            token=token,
            listener=listener(self.plane),
            changes=self.plane.changes,
        )

    def stop_pipeline_execution(self) -> ActionResult:
        """Stop a running execution and its jobs."""
        execution = self._execution()
        if not self.plane.executor.stop(execution) and execution.status != "Stopping":
            raise ValidationError(
                f"Pipeline execution {execution.arn} is {execution.status}; "
                "only one that is Executing can be stopped."
            )
        return ActionResult({"PipelineExecutionArn": execution.arn})

    def retry_pipeline_execution(self) -> ActionResult:
        """Run the failed, stopped and remaining steps of an ended execution."""
        execution = self._execution()
        token = self._get_param("ClientRequestToken")
        with self.plane.changes:
            if token and execution.retry_token == token:
                return ActionResult({"PipelineExecutionArn": execution.arn})
            if not can_be_retried(execution):
                raise ValidationError(
                    f"Pipeline execution {execution.arn} is {execution.status}; only one that is Failed or "
                    "Stopped can be retried, and not after a Fail step."
                )
            execution.retry_token = token
            execution.parallelism = self._get_param("ParallelismConfiguration") or execution.parallelism
            retry(self.plane.executor, execution)
        return ActionResult({"PipelineExecutionArn": execution.arn})

    def describe_pipeline_execution(self) -> ActionResult:
        """Describe an execution."""
        return ActionResult(self._execution().describe())

    def describe_pipeline_definition_for_execution(self) -> ActionResult:
        """Return the definition that an execution runs."""
        execution = self._execution()
        return ActionResult(
            {"PipelineDefinition": execution.definition_text, "CreationTime": execution.created}
        )

    def list_pipeline_parameters_for_execution(self) -> ActionResult:
        """List an execution's parameter values, including defaults."""
        execution = self._execution()
        listed = [{"Name": name, "Value": as_text(value)} for name, value in execution.values.items()]
        found, token = page(listed, self.params)
        return ActionResult(present({"PipelineParameters": found, "NextToken": token}))

    def list_pipeline_executions(self) -> ActionResult:
        """List a pipeline's executions, newest first by default."""
        pipeline = self._pipeline(self._get_param("PipelineName"))
        after, before = self._get_param("CreatedAfter"), self._get_param("CreatedBefore")
        executions = [
            each
            for each in self.plane.executions.of(pipeline.arn)
            if (after is None or each.created > aware(after))
            and (before is None or each.created < aware(before))
        ]
        if self._get_param("SortBy") == "PipelineExecutionArn":
            executions.sort(key=lambda each: each.arn)
        if self._get_param("SortOrder") != "Ascending":
            executions.reverse()
        found, token = page([each.summary() for each in executions], self.params)
        return ActionResult(present({"PipelineExecutionSummaries": found, "NextToken": token}))

    def list_pipeline_execution_steps(self) -> ActionResult:
        """List an execution's steps, newest first by default."""
        if self._get_param("PipelineExecutionArn") is None:
            raise ValidationError("PipelineExecutionArn is required.")
        steps = sorted(self._execution().steps.values(), key=lambda each: each.started)
        if self._get_param("SortOrder") != "Ascending":
            steps.reverse()
        found, token = page([each.describe() for each in steps], self.params)
        return ActionResult(present({"PipelineExecutionSteps": found, "NextToken": token}))

    def _pipeline(self, name_or_arn: str) -> Any:
        name = name_or_arn.rsplit("/", 1)[-1]
        pipeline = self.sagemaker_backend.pipelines.get(name)
        if pipeline is None:
            raise ResourceNotFound(f"Pipeline '{name_or_arn}' does not exist.")
        return pipeline

    def _execution(self) -> Execution:
        arn = self._get_param("PipelineExecutionArn")
        execution = self.plane.executions.get(arn)
        if execution is None:
            raise ResourceNotFound(f"Pipeline execution '{arn}' does not exist.")
        return execution

    def _read_definition(self) -> None:
        """Check the definition of a request; replace a location in S3 by the text."""
        location = self.params.pop("PipelineDefinitionS3Location", None)
        text = self._get_param("PipelineDefinition")
        if location is not None and text is not None:
            raise ValidationError("Set either PipelineDefinition or PipelineDefinitionS3Location, not both.")
        if location is not None:
            text = json.dumps(
                load_pipeline_definition_from_s3(
                    location, self.current_account, self.sagemaker_backend.partition
                )
            )
            self.params["PipelineDefinition"] = text
        if text is None:
            return
        try:
            parse(text)
        except DefinitionError as error:
            raise ValidationError(str(error)) from error


def restore_executions(
    plane: Plane, executions: Iterable[Execution], cached: Mapping[tuple[str, str, str], CachedStep]
) -> None:
    """Take saved executions and the saved results of steps."""
    for each in executions:
        each.restore(listener(plane), plane.changes)
        plane.executions.add(each)
    plane.executor.cache.restore(cached)


def fail_interrupted_executions(plane: Plane) -> None:
    """Fail the executions that were running when local AWS stopped; they can be retried."""
    for each in plane.executions.all():
        each.fail_interrupted()


def listener(plane: Plane) -> Listener:
    """Return the listener of executions: it emits the event for a new status of an execution or a step."""
    return functools.partial(_emit_change, plane)


def _emit_change(plane: Plane, change: Change) -> None:
    execution, step = change.execution, change.step
    if step is None and change.current in {"Failed", "Succeeded"}:
        name = execution.pipeline_arn.rpartition("/")[2]
        plane.metrics.record(_NAMESPACE, {f"Execution{change.current}": 1.0}, [("PipelineName", name)])
    resources = [execution.pipeline_arn, execution.arn]
    common = {"pipelineArn": execution.pipeline_arn, "pipelineExecutionArn": execution.arn}
    detail: dict[str, Any]
    if step is None:
        detail = {
            "pipelineExecutionDisplayName": execution.display_name,
            "pipelineExecutionDescription": execution.description,
            "currentPipelineExecutionStatus": change.current,
            "previousPipelineExecutionStatus": change.previous,
            "executionStartTime": execution.created,
            "executionEndTime": execution.ended,
            **common,
        }
        kind = "SageMaker Model Building Pipeline Execution Status Change"
    else:
        cached = {"sourcePipelineExecutionArn": step.cached_from} if step.cached_from else None
        detail = {
            "metadata": _lowered(step.metadata),
            "stepStartTime": step.started,
            "stepEndTime": step.ended,
            "stepName": step.name,
            "stepType": step.kind,
            "previousStepStatus": change.previous,
            "currentStepStatus": change.current,
            "failureReason": step.failure_reason,
            "cacheHitResult": cached,
            **common,
        }
        kind = "SageMaker Model Building Pipeline Execution Step Status Change"
    plane.emit(kind, resources, present(detail))


def _lowered(value: Any) -> Any:
    """Return step metadata with lower-case first letters in its names, as events have them."""
    if not isinstance(value, dict):
        return value
    return {key[0].lower() + key[1:]: _lowered(each) for key, each in value.items()}
