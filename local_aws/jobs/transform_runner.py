"""Runs batch transform jobs: sends the objects of a prefix to a model, writes one `.out` object for each."""

from __future__ import annotations

import gzip
import http.client
import io
import itertools
import json
import os
import tempfile
import time
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local_aws.base.clock import now
from local_aws.base.logs import LogStream
from local_aws.base.s3 import split_uri
from local_aws.endpoints.containers import Container, ContainerError
from local_aws.endpoints.host import SAGEMAKER, ModelSpec, unpack_model
from local_aws.jobs.background import BackgroundJobs, Job, JobState, OnChange
from local_aws.jobs.files import JobError, list_keys, relative_key
from local_aws.jobs.transform_data import MEBIBYTE, SPLITTERS, TransformDataError, mini_batches
from local_aws.jobs.transform_settings import Settings

LOG_GROUP = "/aws/sagemaker/TransformJobs"
# SageMaker's defaults, used if neither the request nor the container sets a value.
DEFAULT_PAYLOAD_MB = 6
DEFAULT_CONCURRENCY = 1
_STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
_OPENERS: dict[str, Callable[[Any], Any]] = {"None": lambda raw: raw, "Gzip": gzip.open}


@dataclass(kw_only=True)
class _Job(Job):
    settings: Settings
    model: ModelSpec
    fleet: _Fleet | None = None
    problem: str = ""


@dataclass(frozen=True)
class _Plan:
    """The size of mini-batches and the number of concurrent requests."""

    strategy: str
    payload_mb: int
    concurrency: int


class TransformRunner(BackgroundJobs[_Job]):
    """Runs transform jobs; see `BackgroundJobs`."""

    def run(self, settings: Settings, model: ModelSpec, on_change: OnChange) -> None:
        """Start a job and return at once."""
        folder = (self.root / "transform-jobs" / settings.name).resolve()
        self.start(_Job(settings.name, on_change, folder, settings=settings, model=model), self._transform)

    def kill(self, job: _Job) -> None:
        """Kill a job's containers; the object in progress gets no results, as in SageMaker."""
        if job.fleet is not None:
            job.fleet.kill()

    def _transform(self, job: _Job) -> None:
        settings = job.settings
        clients = self.sessions.of_role(job.model.role, SAGEMAKER)
        s3 = clients.get("s3")
        instance = f"i-{uuid.uuid4().hex[:17]}-{int(time.time())}"
        container_log = LogStream(self.logs, clients, LOG_GROUP, f"{settings.name}/{instance}")
        data_log = LogStream(self.logs, clients, LOG_GROUP, f"{settings.name}/{instance}/data-log")
        keys = list_keys(s3, settings.uri)
        unpack_model(s3, job.model, job.folder / "model")
        with _Fleet(job, clients.region, container_log) as fleet:
            job.fleet = fleet
            job.started = now()
            job.on_change(JobState("InProgress", "", job.started))
            plan = fleet.plan
            _log(
                data_log,
                f"MaxConcurrentTransforms={plan.concurrency}, MaxPayloadInMB={plan.payload_mb}, "
                f"BatchStrategy={plan.strategy}",
            )
            for key in keys:
                self._transform_object(job, fleet, s3, key, data_log)
                if job.stopping.is_set():
                    raise JobError("The job was stopped.")
        if job.problem:
            raise JobError(job.problem)

    def _transform_object(self, job: _Job, fleet: _Fleet, s3: Any, key: str, log: LogStream) -> None:
        """Write the results of one object; if it fails, log the problem and let the job continue."""
        settings = job.settings
        bucket, prefix = split_uri(settings.uri)
        target_bucket, target_prefix = split_uri(settings.output_uri)
        target = "/".join(part for part in (target_prefix, f"{relative_key(key, prefix)}.out") if part)
        # On disk, because the results of an object can be larger than memory.
        with tempfile.TemporaryFile(dir=job.folder) as output:
            try:
                body = s3.get_object(Bucket=bucket, Key=key)["Body"]
                stream = _OPENERS[settings.compression](io.BufferedReader(body, MEBIBYTE))
                for lines in fleet.results(stream):
                    for line in lines:
                        output.write(line)
                        if settings.assemble:
                            output.write(b"\n")
            except _InvocationError as error:
                job.problem = job.problem or f"{error.side}: See job logs for more information"
                _log(log, f"{bucket}/{key}: {error}")
                if error.answer:
                    _log(log, f"{bucket}/{key}: Message:")
                    _log(log, f"{bucket}/{key}: {error.answer}")
                return
            except (TransformDataError, OSError, EOFError, zlib.error) as error:
                job.problem = job.problem or "ClientError: See job logs for more information"
                _log(log, f"{bucket}/{key}: {error}")
                return
            if job.stopping.is_set():
                return
            output.seek(0)
            s3.put_object(Bucket=target_bucket, Key=target, Body=output)


def _log(log: LogStream, text: str) -> None:
    moment = f"{now():%Y-%m-%dT%H:%M:%S.%f}"[:-3]
    log.write(f"{moment}:[sagemaker logs]: {text}")


class _InvocationError(Exception):
    """A mini-batch that the container rejected or did not answer."""

    def __init__(self, side: str, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.side = side
        self.answer = answer[:1000]


class _Fleet:
    """The containers of a job: one per concurrent request, at most one per core."""

    def __init__(self, job: _Job, region: str, log: LogStream) -> None:
        self._job = job
        self._region = region
        self._log = log
        self._containers: list[Container] = []
        self._next = itertools.count()

    def __enter__(self) -> _Fleet:
        try:
            self._containers.append(self._start())
            self.plan = self._make_plan()
            wanted = self.plan.concurrency * self._job.settings.instances
            for _ in range(1, min(wanted, os.cpu_count() or 1)):
                self._containers.append(self._start())
            self._pool = ThreadPoolExecutor(wanted, thread_name_prefix=f"transform-{self._job.settings.name}")
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.kill()

    def kill(self) -> None:
        """Kill the containers."""
        for container in self._containers:
            container.kill()

    def _start(self) -> Container:
        settings = self._job.settings
        plan = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": settings.payload_mb,
            "SAGEMAKER_BATCH_STRATEGY": _STRATEGIES.get(settings.strategy or ""),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": settings.concurrency,
        }
        requested = {name: str(value) for name, value in plan.items() if value is not None}
        environment = {**self._job.model.environment, **requested, **settings.environment}
        try:
            return Container(self._job.folder, environment, self._region, self._log, settings.timeout)
        except ContainerError as error:
            raise JobError(
                f"AlgorithmError: The container did not pass its health check. Last log line: {error}"
            ) from error

    def _make_plan(self) -> _Plan:
        """Combine the request's settings with those of the container; the request's take precedence."""
        settings = self._job.settings
        answer = self._containers[0].request("GET", "/execution-parameters", b"", {})
        try:
            offered = json.loads(answer.body) if answer.status == http.client.OK else {}
            payload = offered.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
            strategy = _STRATEGIES.get(settings.strategy or "", offered.get("BatchStrategy", "MULTI_RECORD"))
            default_concurrency = int(offered.get("MaxConcurrentTransforms", DEFAULT_CONCURRENCY))
            concurrency = settings.concurrency or default_concurrency
        except (ValueError, TypeError, AttributeError) as error:
            raise JobError(
                f"AlgorithmError: The container's answer to GET /execution-parameters is invalid ({error})"
            ) from error
        return _Plan(strategy, payload if settings.payload_mb is None else settings.payload_mb, concurrency)

    def results(self, stream: Any) -> Iterator[list[bytes]]:
        """Yield the output lines of each mini-batch of an object, in order.

        Raises
        ------
        _InvocationError
            If the container rejects a mini-batch or does not answer it.
        TransformDataError
            If records or answers cannot be parsed.
        """
        batches = mini_batches(
            SPLITTERS[self._job.settings.split_type](stream),
            largest=self.plan.payload_mb * MEBIBYTE,
            single=self.plan.strategy == "SINGLE_RECORD",
        )
        under_way: deque[Future[list[bytes]]] = deque()
        # The queue is short, so that memory does not grow with the object.
        most = 2 * self.plan.concurrency * self._job.settings.instances
        try:
            for batch in batches:
                if self._job.stopping.is_set():
                    return
                under_way.append(self._pool.submit(self._answer, batch))
                if len(under_way) >= most:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def _answer(self, records: list[bytes]) -> list[bytes]:
        settings = self._job.settings
        container = self._containers[next(self._next) % len(self._containers)]
        headers = {"Content-Type": settings.content_type, "Accept": settings.accept}
        headers = {name: value for name, value in headers.items() if value}
        body = settings.processing.request_body(records)
        for attempt in range(settings.retries + 1):
            last = attempt == settings.retries
            try:
                answer = container.request("POST", "/invocations", body, headers)
            except (OSError, http.client.HTTPException) as error:
                if last or self._job.stopping.is_set():
                    raise _InvocationError(
                        "AlgorithmError", "Unable to get response from algorithm"
                    ) from error
                continue
            if http.client.OK <= answer.status < http.client.MULTIPLE_CHOICES:
                return settings.processing.results(records, answer.body)
            text = answer.body.decode("utf-8", "replace")
            if answer.status < http.client.INTERNAL_SERVER_ERROR:
                raise _InvocationError("ClientError", f"ClientError: {answer.status}", text)
            if last:
                raise _InvocationError(
                    "AlgorithmError", f"Bad HTTP status received from algorithm: {answer.status}", text
                )
        raise AssertionError("unreachable: the last attempt returns or raises")
