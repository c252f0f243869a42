"""Pipeline executions as records: their status, their steps, and a listener for status changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aws.base.changes import Changes
from local_aws.base.clock import now
from local_aws.base.documents import present

# The name of this part of the saved state.
PART = "executions"
ENDED = ("Succeeded", "Failed", "Stopped")
STOPPED = "local AWS stopped"
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
    # Its lock makes each check and change of the status atomic.
    changes: Changes
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    ended: datetime | None = None
    status: str = "Executing"
    failure_reason: str | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    retry_token: str | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def __getstate__(self) -> dict[str, Any]:
        """Return the members that are saved; `restore` sets the others."""
        return {key: value for key, value in vars(self).items() if key not in _NOT_SAVED}

    def restore(self, listener: Listener, changes: Changes) -> None:
        """Set the members of a saved execution that are not saved."""
        self.listener, self.changes, self.stopping = listener, changes, threading.Event()

    def fail_interrupted(self) -> None:
        """Fail an execution and its steps if they were running when local AWS stopped."""
        with self.changes:
            for record in self.steps.values():
                if record.status not in ENDED:
                    self.change_step(record, "Failed", STOPPED)
            if self.status not in ENDED:
                self.change("Failed", STOPPED)

    @property
    def id(self) -> str:
        """Id of the execution: the last part of its ARN."""
        return self.arn.rsplit("/", 1)[-1]

    def start_step(self, step: Mapping[str, Any]) -> StepRecord:
        """Record that a step has started."""
        record = StepRecord(
            str(step["Name"]), str(step["Type"]), step.get("DisplayName"), step.get("Description")
        )
        with self.changes:
            self.changes.mark(PART)
            self.steps[record.name] = record
            self.modified = record.started
            self.listener(Change(self, None, record.status, record))
        return record

    def note(self, record: StepRecord, metadata: dict[str, Any]) -> None:
        """Record what a step runs, such as the ARN of its job."""
        with self.changes:
            self.changes.mark(PART)
            record.metadata = metadata

    def change_step(self, record: StepRecord, status: str, reason: str | None = None) -> None:
        """Record a step's new status."""
        with self.changes:
            self.changes.mark(PART)
            previous, record.status = record.status, status
            record.failure_reason = reason
            self.modified = now()
            if status in ENDED:
                record.ended = self.modified
            self.listener(Change(self, previous, status, record))

    def change(self, status: str, reason: str | None = None) -> None:
        """Record the execution's new status."""
        with self.changes:
            self.changes.mark(PART)
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


_NOT_SAVED = {"listener", "changes", "stopping"}


class ExecutionStore:
    """All executions of one local AWS, oldest first.

    Parameters
    ----------
    changes : Changes
        The lock.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._executions: dict[str, Execution] = {}

    def add(self, execution: Execution) -> None:
        """Store an execution."""
        with self._changes:
            self._changes.mark(PART)
            self._executions[execution.arn] = execution

    def get(self, arn: str) -> Execution | None:
        """Return an execution, or None if there is no such execution."""
        return self._executions.get(arn)

    def of(self, pipeline_arn: str) -> list[Execution]:
        """Return a pipeline's executions, oldest first."""
        with self._changes:
            return [each for each in self._executions.values() if each.pipeline_arn == pipeline_arn]

    def all(self) -> list[Execution]:
        """Return all executions, oldest first."""
        with self._changes:
            return list(self._executions.values())

    def drop(self, pipeline_arn: str) -> None:
        """Drop the executions of a deleted pipeline."""
        with self._changes:
            self._changes.mark(PART)
            for execution in self.of(pipeline_arn):
                del self._executions[execution.arn]

    def clear(self) -> None:
        """Drop all executions."""
        with self._changes:
            self._changes.mark(PART)
            self._executions.clear()
