"""Runs Lambda functions: one warm child process of a function's zip per concurrent invocation."""

import io
import itertools
import json
import shutil
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_aws.base.logs import LogShipper, LogStream
from local_aws.base.metrics import Metrics
from local_aws.base.processes import child_environment
from local_aws.functions.logged_metrics import logged_metrics
from local_aws.functions.worker import Outcome, Request, Worker, WorkerEndedError, error_document
from local_aws.iam.sessions import Sessions

MOST_WORKERS = 10  # per function; further invocations wait for a free worker
LARGEST_ANSWER = 6_291_556
LOG_TAIL_BYTES = 4096
LAMBDA = "lambda.amazonaws.com"


class FunctionNotFoundError(LookupError):
    """A function that does not exist."""


@dataclass(frozen=True)
class FunctionSpec:
    """A function's code and configuration; `timeout` in seconds, `memory` in MB (not enforced)."""

    name: str
    arn: str
    handler: str
    code: bytes
    code_sha256: str
    timeout: int
    memory: int
    environment: dict[str, str]
    role: str
    log_group: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Code and configuration of a worker; when the key changes, new workers are started."""
        configuration = [
            self.handler,
            self.timeout,
            self.memory,
            self.environment,
            self.role,
            self.log_group,
        ]
        return self.name, self.code_sha256, json.dumps(configuration, sort_keys=True)


@dataclass(frozen=True)
class Invocation:
    """The result of an invocation: payload, X-Amz-Function-Error (None if it succeeded) and log."""

    payload: bytes
    error: str | None
    log: str

    @property
    def log_tail(self) -> str:
        """The last 4 KB of the log, as LogType=Tail returns it."""
        return self.log.encode()[-LOG_TAIL_BYTES:].decode(errors="ignore")


@dataclass
class _Pool:
    """The workers of one version of a function, and the folder of its code while any worker lives."""

    folder: Path
    unpacking: threading.Lock = field(default_factory=threading.Lock)
    idle: list[tuple[Worker, str]] = field(default_factory=list)
    count: int = 0
    retired: bool = False


class LambdaRuntime:
    """All functions of one local AWS.

    Parameters
    ----------
    sessions : Sessions
        Clients of local AWS, and the environments with which the functions' own AWS clients call it.
    root : Path
        Folder for the unpacked code.
    metrics : Metrics
        Where the metrics of the functions are recorded.
    """

    def __init__(self, sessions: Sessions, root: Path, metrics: Metrics) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._shipper = LogShipper()
        self._root = root / "functions"
        self._pools: dict[tuple[str, str, str], _Pool] = {}
        self._busy: set[Worker] = set()
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._closed = False

    def invoke(self, function: FunctionSpec, payload: bytes, request_id: str | None = None) -> Invocation:
        """Run a function once; errors of the function are part of the result, as in Lambda.

        Retries pass the `request_id` of the first attempt.

        Raises
        ------
        RuntimeError
            If local AWS has been stopped.
        """
        pool = self._pool(function)
        request = Request(
            request_id=request_id or str(uuid.uuid4()),
            payload=payload or b"{}",
            arn=function.arn,
            trace_id=f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            timeout=float(function.timeout),
        )
        worker, stream = self._acquire(pool, function)
        init_seconds, worker.start_seconds = worker.start_seconds, None
        started = time.monotonic()
        try:
            outcome = worker.invoke(request)
            healthy = not outcome.init_error
        except WorkerEndedError as error:
            outcome = Outcome(error_document(error.error_type, str(error)), failed=True)
            healthy = False
        seconds = time.monotonic() - started
        lines = worker.take_lines()
        self._release(pool, worker, stream, healthy=healthy)
        log = _framed(lines, function, request, outcome, seconds=seconds, init_seconds=init_seconds)
        clients = self._sessions.of_role(function.role, LAMBDA)
        log_stream = LogStream(self._shipper, clients, function.log_group, stream)
        for line in log:
            log_stream.write(line)
        if not outcome.failed and len(outcome.payload) > LARGEST_ANSWER:
            message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes)."
            outcome = Outcome(error_document("Function.ResponseSizeTooLarge", message), failed=True)
        self._record(function, lines, failed=outcome.failed, seconds=seconds)
        return Invocation(outcome.payload, "Unhandled" if outcome.failed else None, "\n".join(log) + "\n")

    def _record(self, function: FunctionSpec, lines: Sequence[str], *, failed: bool, seconds: float) -> None:
        """Record the metrics of an invocation, and those that the function has logged."""
        values = {"Invocations": 1.0, "Errors": float(failed), "Duration": seconds * 1000, "Throttles": 0.0}
        self._metrics.record("AWS/Lambda", values, [("FunctionName", function.name)])
        for found in logged_metrics(lines):
            self._metrics.record(*found)

    def close(self) -> None:
        """End every worker, busy or idle."""
        with self._changed:
            self._closed = True
            workers = list(self._busy)
            for pool in self._pools.values():
                pool.retired = True
                workers += [worker for worker, _ in pool.idle]
                pool.idle.clear()
            self._busy.clear()
            self._pools.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.close()
        self._shipper.close()
        shutil.rmtree(self._root, ignore_errors=True)

    def _pool(self, function: FunctionSpec) -> _Pool:
        """Return the workers of the function's current version; end those of earlier versions."""
        with self._changed:
            pool = self._pools.get(function.key)
            if pool is not None:
                return pool
            old = [self._pools.pop(key) for key in list(self._pools) if key[0] == function.name]
            workers = []
            for earlier in old:
                earlier.retired = True
                earlier.count -= len(earlier.idle)
                workers += [worker for worker, _ in earlier.idle]
                earlier.idle.clear()
            folder = (self._root / f"{function.name}-{next(self._numbers)}").resolve()
            pool = self._pools[function.key] = _Pool(folder)
        for worker in workers:
            worker.close()
        for earlier in old:
            self._remove_code(earlier)
        return pool

    def _unpack(self, pool: _Pool, function: FunctionSpec) -> None:
        with pool.unpacking:
            if pool.folder.exists():
                return
            try:
                pool.folder.mkdir(parents=True)
                with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
                    archive.extractall(pool.folder)
            except BaseException:
                shutil.rmtree(pool.folder, ignore_errors=True)
                raise

    def _remove_code(self, pool: _Pool) -> None:
        """Remove a retired pool's folder if its last worker has ended."""
        with pool.unpacking:
            with self._changed:
                ended = pool.retired and pool.count == 0
            if ended:
                shutil.rmtree(pool.folder, ignore_errors=True)

    def _acquire(self, pool: _Pool, function: FunctionSpec) -> tuple[Worker, str]:
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._closed or pool.idle or pool.count < MOST_WORKERS)
                if self._closed:
                    raise _stopped(function)
                if not pool.idle:
                    pool.count += 1
                    break
                worker, stream = pool.idle.pop()
                if worker.alive:
                    self._busy.add(worker)
                    return worker, stream
                pool.count -= 1
                worker.close()
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        try:
            self._unpack(pool, function)
            worker = Worker(function.handler, pool.folder, self._worker_environment(function, pool, stream))
        except Exception as error:
            with self._changed:
                pool.count -= 1
                self._changed.notify_all()
                closed = self._closed
            if closed:
                raise _stopped(function) from error
            raise
        with self._changed:
            closed = self._closed
            if closed:
                pool.count -= 1
            else:
                self._busy.add(worker)
        if closed:  # close() ran while this worker was starting and could not end it
            worker.close()
            self._remove_code(pool)
            raise _stopped(function)
        return worker, stream

    def _release(self, pool: _Pool, worker: Worker, stream: str, *, healthy: bool) -> None:
        with self._changed:
            ours = worker in self._busy  # otherwise close() has ended it
            self._busy.discard(worker)
            keep = ours and healthy and not pool.retired
            if keep:
                pool.idle.append((worker, stream))
            else:
                pool.count -= 1
            self._changed.notify_all()
        if ours and not keep:
            worker.close()
            self._remove_code(pool)

    def _worker_environment(self, function: FunctionSpec, pool: _Pool, stream: str) -> dict[str, str]:
        return {
            **child_environment(pool.folder),
            **self._sessions.environment(function.role, LAMBDA),
            "TZ": "UTC",
            "PYTHONPATH": str(pool.folder),
            "LAMBDA_TASK_ROOT": str(pool.folder),
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            **function.environment,
        }


def _stopped(function: FunctionSpec) -> RuntimeError:
    return RuntimeError(f"Local AWS is stopped; function {function.name} cannot be invoked.")


def _framed(
    lines: list[str],
    function: FunctionSpec,
    request: Request,
    outcome: Outcome,
    *,
    seconds: float,
    init_seconds: float | None,
) -> list[str]:
    """Add Lambda's START, END and REPORT lines to the function's output."""
    milliseconds = seconds * 1000
    report = (
        f"REPORT RequestId: {request.request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {function.memory} MB"
    )
    if init_seconds is not None:
        report += f"\tInit Duration: {init_seconds * 1000:.2f} ms"
    if outcome.failed:
        report += f"\tStatus: error\tError Type: {_error_type(outcome)}"
    return [
        f"START RequestId: {request.request_id} Version: $LATEST",
        *lines,
        f"END RequestId: {request.request_id}",
        report,
    ]


def _error_type(outcome: Outcome) -> str:
    try:
        return str(json.loads(outcome.payload)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Unknown"
