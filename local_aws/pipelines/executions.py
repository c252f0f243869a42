"""Pipeline executions as records: their status, their steps, and a listener for status changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aws.base.clock import now
from local_aws.base.documents import present

ENDED = ("Succeeded", "Failed", "Stopped")
STEP_FAILURE = "Step failure: One or multiple steps failed."


@dataclass
class StepRecord:
    """One step of an execution, with the members that ListPipelineExecutionSteps returns."""

    name: str
    kind: str
    display_name: str | None = None
    description: str | None = None
    status: str = "Executing"
    started: datetime = field(default_factory=now)
    ended: datetime | None = None
    attempts: int = 1
    metadata: dict[str, Any] = field(default_factory=dict)
    failure_reason: str | None = None
    cached_from: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the step in the shape of the API."""
        cached = {"SourcePipelineExecutionArn": self.cached_from} if self.cached_from else None
        answer = {
            "StepName": self.name,
            "StepDisplayName": self.display_name,
            "StepDescription": self.description,
            "StartTime": self.started,
            "EndTime": self.ended,
            "StepStatus": self.status,
            "AttemptCount": self.attempts,
            "Metadata": self.metadata,
            "FailureReason": self.failure_reason[:1024] if self.failure_reason else None,
            "CacheHitResult": cached,
        }
        return present(answer)


@dataclass(frozen=True)
class Change:
    """A change of status of an execution or one of its steps."""

    execution: Execution
    previous: str | None
    current: str
    step: StepRecord | None = None


Listener = Callable[[Change], None]


@dataclass
class Execution:
    """One execution of a pipeline; only the executor changes it."""

    arn: str
    pipeline_name: str
    pipeline_arn: str
    role: str
    definition: Mapping[str, Any]
    definition_text: str
    values: dict[str, Any]
    display_name: str
    description: str | None
    parallelism: dict[str, int] | None
    token: str | None
    listener: Listener
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    ended: datetime | None = None
    status: str = "Executing"
    failure_reason: str | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    retry_token: str | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    # Makes each check and change of the status atomic.
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def id(self) -> str:
        """Id of the execution: the last part of its ARN."""
        return self.arn.rsplit("/", 1)[-1]

    def start_step(self, step: Mapping[str, Any]) -> StepRecord:
        """Record that a step has started."""
        record = StepRecord(
            str(step["Name"]), str(step["Type"]), step.get("DisplayName"), step.get("Description")
        )
        self.steps[record.name] = record
        self.modified = record.started
        self.listener(Change(self, None, record.status, record))
        return record

    def change_step(self, record: StepRecord, status: str, reason: str | None = None) -> None:
        """Record a step's new status."""
        previous, record.status = record.status, status
        record.failure_reason = reason
        self.modified = now()
        if status in ENDED:
            record.ended = self.modified
        self.listener(Change(self, previous, status, record))

    def change(self, status: str, reason: str | None = None) -> None:
        """Record the execution's new status."""
        previous, self.status = self.status, status
        self.failure_reason = reason
        self.modified = now()
        self.ended = self.modified if status in ENDED else None
        self.listener(Change(self, previous, status))

    def describe(self) -> dict[str, Any]:
        """Return the execution in the shape of DescribePipelineExecution."""
        answer = {
            **self._common(),
            "PipelineArn": self.pipeline_arn,
            "FailureReason": self.failure_reason,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "ParallelismConfiguration": self.parallelism,
        }
        return present(answer)

    def summary(self) -> dict[str, Any]:
        """Return the execution in the shape of ListPipelineExecutions."""
        summary = {"StartTime": self.created, "PipelineExecutionFailureReason": self.failure_reason}
        return present({**self._common(), **summary})

    def _common(self) -> dict[str, Any]:
        return {
            "PipelineExecutionArn": self.arn,
            "PipelineExecutionDisplayName": self.display_name,
            "PipelineExecutionDescription": self.description,
            "PipelineExecutionStatus": self.status,
        }


class ExecutionStore:
    """All executions of one local AWS, oldest first."""

    def __init__(self) -> None:
        self._executions: dict[str, Execution] = {}
        self.lock = threading.RLock()

    def add(self, execution: Execution) -> None:
        """Store an execution."""
        with self.lock:
            self._executions[execution.arn] = execution

    def get(self, arn: str) -> Execution | None:
        """Return an execution, or None if there is no such execution."""
        return self._executions.get(arn)

    def of(self, pipeline_arn: str) -> list[Execution]:
        """Return a pipeline's executions, oldest first."""
        with self.lock:
            return [each for each in self._executions.values() if each.pipeline_arn == pipeline_arn]

    def all(self) -> list[Execution]:
        """Return all executions, oldest first."""
        with self.lock:
            return list(self._executions.values())

    def drop(self, pipeline_arn: str) -> None:
        """Drop the executions of a deleted pipeline."""
        with self.lock:
            for execution in self.of(pipeline_arn):
                del self._executions[execution.arn]

    def clear(self) -> None:
        """Drop all executions."""
        with self.lock:
            self._executions.clear()
