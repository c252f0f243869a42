"""Runs pipeline executions: orders steps, runs independent ones in parallel, and handles stop and failure."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.base.clients import Clients
from local_aws.base.clock import now
from local_aws.base.documents import PathError
from local_aws.base.s3 import split_uri
from local_aws.endpoints.host import SAGEMAKER
from local_aws.iam.sessions import AssumeRoleError, Sessions
from local_aws.pipelines.caching import CachedStep, StepCache
from local_aws.pipelines.definition import (
    DefinitionError,
    Resolver,
    dependencies,
    explicit_dependencies,
    walk,
)
from local_aws.pipelines.executions import ENDED, STEP_FAILURE, Execution, StepRecord
from local_aws.pipelines.step_runners import RUNNERS, Outcome, StepContext, StepError, StepStoppedError

logger = logging.getLogger(__name__)

_DEFAULT_PARALLEL_STEPS = 50
_LONGEST_STOP_SECONDS = 5.0
_STOP_POLL_SECONDS = 0.02


class Executor:
    """Runs executions, each in its own thread.

    Parameters
    ----------
    sessions : Sessions
        Clients of local AWS, where steps create jobs and model packages.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.cache = StepCache()
        # Keyed by run: a retry of an execution can start while the thread of its first run is still ending.
        self._running: dict[int, Execution] = {}
        self._runs = itertools.count()
        self._lock = threading.Lock()

    def start(self, execution: Execution) -> None:
        """Run an execution in the background; steps that succeeded in an earlier run are skipped."""
        with self._lock:
            run = next(self._runs)
            self._running[run] = execution
        threading.Thread(
            target=self._run, args=(run, execution), name=f"execution-{execution.id}", daemon=True
        ).start()

    def stop(self, execution: Execution) -> bool:
        """Stop an execution and its jobs; return False if it is not executing."""
        with execution.changes:
            if execution.status != "Executing":
                return False
            execution.change("Stopping")
            execution.stopping.set()
            return True

    def stop_all(self) -> None:
        """Stop all executions and clear the step cache."""
        with self._lock:
            for execution in self._running.values():
                execution.stopping.set()
        deadline = time.monotonic() + _LONGEST_STOP_SECONDS
        while self._running and time.monotonic() < deadline:
            time.sleep(_STOP_POLL_SECONDS)
        self.cache.clear()

    def _run(self, run: int, execution: Execution) -> None:
        try:
            clients = self._sessions.of_role(execution.role, SAGEMAKER)
            _Run(execution, clients, self.cache).run()
        except AssumeRoleError as error:
            execution.change("Failed", str(error))
        finally:
            with self._lock:
                del self._running[run]


class _Run:
    """One run of one execution."""

    def __init__(self, execution: Execution, clients: Clients, cache: StepCache) -> None:
        self._execution = execution
        self._clients = clients
        self._cache = cache
        self._steps = {str(step["Name"]): step for step in walk(execution.definition["Steps"])}
        self._properties: dict[str, Mapping[str, Any]] = {}
        self._waiting = {str(step["Name"]): step for step in execution.definition["Steps"]}
        self._skipped: set[str] = set()
        self._active: set[str] = set()
        self._failed = False
        self._wake = threading.Condition()
        self._resolver = Resolver(
            parameters=execution.values,
            execution=self._execution_value,
            steps=self._properties,
            read_json=self._read_property_file,
            read_uri=self._read_uri,
        )

    def run(self) -> None:
        """Run all steps that can run, then record the final status."""
        limit = (self._execution.parallelism or {}).get("MaxParallelExecutionSteps", _DEFAULT_PARALLEL_STEPS)
        with self._wake:
            while self._waiting or self._active:
                if self._failed or self._execution.stopping.is_set():
                    self._waiting.clear()
                self._skip_unreachable()
                ready = self._ready()
                for name in ready[: limit - len(self._active)]:
                    self._begin(name)
                if not ready and not self._active:
                    break
                if self._active:
                    self._wake.wait(0.5)
        with self._execution.changes:
            if self._failed:
                self._execution.change("Failed", STEP_FAILURE)
            elif self._execution.stopping.is_set():
                self._execution.change("Stopped")
            else:
                self._execution.change("Succeeded")

    def _skip_unreachable(self) -> None:
        """Skip steps that depend on a step in the branch not taken, as the service does."""
        while True:
            names = [
                name for name, step in self._waiting.items() if explicit_dependencies(step) & self._skipped
            ]
            if not names:
                return
            for name in names:
                self._skip(self._waiting.pop(name))

    def _skip(self, step: Mapping[str, Any]) -> None:
        self._skipped.update(str(each["Name"]) for each in walk([step]))

    def _ready(self) -> list[str]:
        done = set(self._properties) | self._skipped
        return [name for name, step in self._waiting.items() if dependencies(step) <= done]

    def _begin(self, name: str) -> None:
        step = self._waiting.pop(name)
        earlier = self._execution.steps.get(name)
        if earlier is not None and earlier.status == "Succeeded":
            # A retried execution keeps its successful steps.
            self._finish(step, earlier)
            return
        self._active.add(name)
        threading.Thread(target=self._run_step, args=(step,), name=f"step-{name}", daemon=True).start()

    def _run_step(self, step: Mapping[str, Any]) -> None:
        record = self._execution.start_step(step)
        succeeded = False
        try:
            self._perform(step, record)
            succeeded = True
        except StepStoppedError:
            self._execution.change_step(record, "Stopped")
        except (StepError, PathError) as error:
            self._execution.change_step(record, "Failed", str(error))
        except (ClientError, BotoCoreError) as error:
            self._execution.change_step(record, "Failed", f"ClientError: {error}")
        except Exception as error:
            # The thread's outermost handler: an unexpected error must fail the step, or the execution hangs.
            logger.exception("Local AWS failed while running step %s", record.name)
            self._execution.change_step(record, "Failed", f"InternalServerError: {error!r}")
        with self._wake:
            if succeeded:
                self._finish(step, record)
            self._failed = self._failed or record.status == "Failed"
            self._active.discard(record.name)
            self._wake.notify_all()

    def _perform(self, step: Mapping[str, Any], record: StepRecord) -> None:
        if step["Type"] == "Condition":
            self._decide(step, record)
            return
        arguments = self._resolver.resolve(step["Arguments"])
        cached = self._cache.find(self._execution.pipeline_arn, step, arguments, now())
        if cached is not None:
            record.cached_from = cached.execution_arn
            record.metadata, record.properties = cached.metadata, cached.properties
            self._execution.change_step(record, "Succeeded")
            return
        context = StepContext(self._execution, record, step, arguments, self._clients)
        outcome: Outcome = RUNNERS[step["Type"]](context)
        entry = CachedStep(self._execution.arn, now(), outcome.metadata, outcome.properties)
        with self._execution.changes:
            record.metadata, record.properties = outcome.metadata, outcome.properties
            self._cache.add(self._execution.pipeline_arn, step, arguments, entry)
            self._execution.change_step(record, "Succeeded")

    def _decide(self, step: Mapping[str, Any], record: StepRecord) -> None:
        holds = all(self._resolver.holds(each) for each in step["Arguments"].get("Conditions", []))
        record.metadata = {"Condition": {"Outcome": "True" if holds else "False"}}
        record.properties = {"Outcome": "True" if holds else "False"}
        self._execution.change_step(record, "Succeeded")

    def _finish(self, step: Mapping[str, Any], record: StepRecord) -> None:
        """Publish a step's properties; for a condition, queue one branch and skip the other."""
        self._properties[record.name] = record.properties
        if step["Type"] == "Condition":
            branches = [step["Arguments"].get("IfSteps", []), step["Arguments"].get("ElseSteps", [])]
            taken, left = branches if record.properties["Outcome"] == "True" else reversed(branches)
            for each in left:
                self._skip(each)
            if not self._failed and not self._execution.stopping.is_set():
                self._waiting.update({str(each["Name"]): each for each in taken})

    def _execution_value(self, name: str) -> Any:
        execution = self._execution
        values: dict[str, Callable[[], Any]] = {
            "PipelineName": lambda: execution.pipeline_name,
            "PipelineArn": lambda: execution.pipeline_arn,
            "PipelineExecutionId": lambda: execution.id,
            "PipelineExecutionArn": lambda: execution.arn,
            "StartDateTime": execution.created.isoformat,
            "CurrentDateTime": now().isoformat,
        }
        if name not in values:
            raise DefinitionError(
                f"Execution.{name} is not available in a step; available are {', '.join(sorted(values))}."
            )
        return values[name]()

    def _read_property_file(self, step_name: str, file_name: str) -> Any:
        files = self._steps[step_name].get("PropertyFiles", [])
        found = next((each for each in files if each["PropertyFileName"] == file_name), None)
        if found is None:
            raise DefinitionError(f"Step {step_name} declares no property file {file_name}.")
        outputs = self._properties[step_name]["ProcessingOutputConfig"]["Outputs"]
        output = next((each for each in outputs if each["OutputName"] == found["OutputName"]), None)
        if output is None:
            raise DefinitionError(f"Step {step_name} has no output {found['OutputName']}.")
        return self._read_uri(f"{output['S3Output']['S3Uri'].rstrip('/')}/{found['FilePath']}")

    def _read_uri(self, uri: str) -> Any:
        bucket, key = split_uri(uri)
        try:
            body = self._clients.get("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            return json.loads(body)
        except ClientError as error:
            raise DefinitionError(f"Failed to retrieve the property file {uri}: {error}") from error
        except ValueError as error:
            raise DefinitionError(f"The property file {uri} is not JSON: {error}") from error


def retry(executor: Executor, execution: Execution) -> None:
    """Run an ended execution again, without the steps that succeeded."""
    for name in [name for name, record in execution.steps.items() if record.status != "Succeeded"]:
        del execution.steps[name]
    execution.stopping.clear()
    execution.change("Executing")
    executor.start(execution)


def can_be_retried(execution: Execution) -> bool:
    """Return whether an execution has ended as Failed or Stopped, but not in a Fail step."""
    failed_on_purpose = any(step.kind == "Fail" for step in execution.steps.values())
    return execution.status in ENDED and execution.status != "Succeeded" and not failed_on_purpose
