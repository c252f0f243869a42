"""Starts, resets and stops local AWS: one process with one URL."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from moto.core.base_backend import BackendDict

from local_aws import answers, untracked
from local_aws.alarms import alarms
from local_aws.alarms import api as alarms_api
from local_aws.alarms.alarms import Alarms
from local_aws.base.changes import Changes
from local_aws.base.clients import Clients, client_environment
from local_aws.base.folders import make_folder
from local_aws.base.memory import limit_arenas
from local_aws.base.metrics import Metrics
from local_aws.cloudformation import api as cloudformation_api
from local_aws.cloudformation import engine
from local_aws.cloudformation.engine import Engine
from local_aws.endpoints.host import EndpointHost
from local_aws.endpoints.runtime_api import invocations_app
from local_aws.events import api as events_api
from local_aws.events import delivery
from local_aws.events.delivery import Delivery
from local_aws.firehose import api as firehose_api
from local_aws.firehose import streams
from local_aws.firehose.streams import Streams
from local_aws.front import Front
from local_aws.functions import api as functions_api
from local_aws.functions.runtime import FunctionNotFoundError, Invocation, LambdaRuntime
from local_aws.gateway.access_log import AccessLog
from local_aws.gateway.gateway import Gateway
from local_aws.guard import Guard
from local_aws.http_server import Server
from local_aws.iam.api import Directory
from local_aws.iam.authorizer import Authorizer, Call
from local_aws.iam.sessions import Sessions
from local_aws.jobs.runner import JobRunner
from local_aws.jobs.transform_runner import TransformRunner
from local_aws.logs import api as logs_api
from local_aws.outbox import api as outbox_api
from local_aws.outbox.api import Outbox
from local_aws.pipelines import executions
from local_aws.pipelines.executions import ExecutionStore
from local_aws.pipelines.executor import Executor
from local_aws.sagemaker import api as sagemaker_api
from local_aws.sagemaker import autoscaling
from local_aws.sagemaker.deployments import Deployments
from local_aws.sagemaker.executions import fail_interrupted_executions, restore_executions
from local_aws.sagemaker.jobs import fail_interrupted_jobs
from local_aws.sagemaker.plane import Plane, backend_of
from local_aws.services import Services
from local_aws.state.state import Part, State

HOST = "127.0.0.1"
# botocore's and moto's models are half a million permanent objects. With Python's default of 10, scanning
# them would take a third of a deployment's time.
COLLECTIONS_BETWEEN_FULL_ONES = 100
# Services whose requests change what another one stores, where a moment's delay would matter.
_TOGETHER = {
    "application-autoscaling": ("application-autoscaling", "cloudwatch"),
    "sagemaker": ("sagemaker", "application-autoscaling"),
}


class PortInUseError(RuntimeError):
    """The requested port is in use."""


class LocalAws:
    """AWS on this machine, available at `url` between `start` and `stop`. One per process.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0 selects a free one.
    region : str
        Region of all resources.
    root : pathlib.Path, optional
        Folder for jobs, functions and models while they run; by default a temporary folder.
    state : pathlib.Path, optional
        Folder in which everything is kept across restarts; by default, it is kept in memory.
    enforce_iam : bool
        Whether calls are refused that AWS would refuse for lack of permissions.
    on_call : callable, optional
        Called with each permission that a call needed, except those of the root user.

    Raises
    ------
    PortInUseError
        If the port is in use.
    StateError
        If the state cannot be used.
    """

    def __init__(
        self,
        port: int = 0,
        region: str = "eu-west-1",
        root: Path | None = None,
        *,
        state: Path | None = None,
        enforce_iam: bool = False,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self.region = region
        self._authorizer = Authorizer(Directory(region), enforce=enforce_iam, on_call=on_call)
        self._port = port
        self._given_root = root
        self._given_state = state
        self._state: State | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> LocalAws:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of local AWS, without a trailing slash."""
        return f"http://{HOST}:{self._port}"

    @property
    def damaged_state(self) -> Path | None:
        """Where a damaged state was moved at the start; None if it was sound."""
        return self._state.set_aside if self._state is not None else None

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point any AWS client at this local AWS."""
        return client_environment(self.url, self.region)

    def start(self) -> None:
        """Start serving; return as soon as requests are answered."""
        limit_arenas()
        gc.set_threshold(*gc.get_threshold()[:2], COLLECTIONS_BETWEEN_FULL_ONES)
        listener = _listen(self._port)
        with listener:
            self._port = listener.getsockname()[1]
            self._root = self._given_root or make_folder("local-aws")
            front = self._build()
            self._server = Server(HOST, self._port, front, fd=listener.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, name="local-aws", daemon=True)
        self._thread.start()
        self._alarms.start()
        if self._state is not None:
            self._resume()

    def stop(self) -> None:
        """Stop everything that runs, then stop serving."""
        if self._server is None or self._thread is None:
            return
        self._streams.close()
        if self._state is not None:
            # The next start finds everything as if this process had crashed now.
            self._state.close()
            self._state = None
        # Jobs and functions call the server while they are being stopped.
        self._close()
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()
        self._server = self._thread = None
        if self._given_root is None:
            shutil.rmtree(self._root, ignore_errors=True)

    def reset(self) -> None:
        """Stop everything that runs and delete all resources."""
        self._plane.jobs.stop_all()
        self._plane.transforms.stop_all()
        self._plane.executor.stop_all()
        self._delivery.reset()
        self._outbox.restore([])
        self._streams.reset()
        self._stacks.clear()
        self._plane.executions.clear()
        self._metrics.clear()
        endpoints = list(backend_of(self.region).endpoints)
        _clear_moto()
        self._authorizer.reset()
        self._sessions.clear()
        # Stopped last: an endpoint that is being created now finds itself deleted and does not enter service.
        for name in endpoints:
            self._plane.endpoints.stop(name)

    def _build(self) -> Front:
        url, region, root = self.url, self.region, self._root
        changes = self._changes = Changes()
        if self._given_state is not None:
            self._state = State(self._given_state, region, changes)
        _clear_moto()
        # One job takes a core; with more of them at once, each would only take longer.
        self._workers = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="job")
        sessions = self._sessions = Sessions(url, region, self._authorizer.assume)
        self._stacks = Engine(sessions.of(), changes)
        self._delivery = Delivery(self._clients_of_rule, url, region, events_api.rules_of(region), changes)
        self._streams = Streams(sessions)
        metrics = self._metrics = Metrics()
        self._alarms = Alarms(
            metrics,
            stored=alarms_api.alarms_of(region),
            sample=alarms_api.queue_lengths(metrics, region),
            emit=self._delivery.emit,
            clients=self._clients_of_alarm,
            changes=changes,
            region=region,
        )
        self._functions = LambdaRuntime(sessions, root, metrics)
        self._plane = Plane(
            region=region,
            sessions=sessions,
            jobs=JobRunner(sessions, root, self._workers),
            transforms=TransformRunner(sessions, root, self._workers),
            executor=Executor(sessions),
            endpoints=EndpointHost(sessions, root, metrics),
            emit=functools.partial(self._delivery.emit, "aws.sagemaker"),
            executions=ExecutionStore(changes),
            changes=changes,
            metrics=metrics,
            alarm_states=self._alarms.states,
        )
        self._invoker = functions_api.install(self._functions, sessions, changes)
        self._access_log = AccessLog(sessions, metrics)
        self._gateway = Gateway(url, region, self._invoke_for_gateway, self._access_log.record)
        self._outbox = Outbox()
        answers.install()
        untracked.install()
        sagemaker_api.install(self._plane)
        events_api.install(self._delivery)
        alarms_api.install(self._alarms, metrics)
        cloudformation_api.install(self._stacks, sessions)
        firehose_api.install(self._streams)
        logs_api.install(metrics)
        outbox_api.install(self._outbox)
        autoscaling.install()
        if self._state is not None:
            self._state.load(self._parts())
            fail_interrupted_jobs(self._plane)
            fail_interrupted_executions(self._plane)
        return Front(
            Guard(region),
            refusal=self._authorizer.refusal,
            moto=Services(),
            invocations=invocations_app(self._plane.endpoints, self._described_endpoint),
            stages=self._gateway,
            outbox=self._outbox,
            changed=self._changed,
            changes=changes,
        )

    def _parts(self) -> dict[str, Part]:
        """Return what the rooms store themselves, by the name with which they mark it."""
        plane, stacks = self._plane, self._stacks
        return {
            executions.PART: Part(
                lambda: (plane.executions.all(), plane.executor.cache.entries),
                lambda saved: restore_executions(plane, *saved),
            ),
            engine.PART: Part(lambda: list(stacks.stacks.values()), stacks.restore),
            delivery.PART: Part(lambda: dict(self._delivery.pending.items), self._delivery.pending.restore),
            alarms.PART: Part(self._metrics.read, self._metrics.restore),
            functions_api.PART: Part(
                lambda: dict(self._invoker.pending.items), self._invoker.pending.restore
            ),
            outbox_api.PART: Part(self._outbox.messages, self._outbox.restore),
            streams.PART: Part(self._streams.read, self._streams.restore),
        }

    def _resume(self) -> None:
        """Continue with what the last stop has interrupted."""
        # moto prepares a service at its first request. On a busy machine that takes longer than a prediction
        # waits for its log, and the first one comes when the schedules resume.
        self._sessions.of().get("firehose").list_delivery_streams()
        self._stacks.resume()
        Deployments(self._plane).resume()
        self._delivery.resume()
        self._invoker.resume()

    def _close(self) -> None:
        self._plane.jobs.stop_all()
        self._plane.executor.stop_all()
        self._plane.jobs.close()
        self._plane.transforms.close()
        self._workers.shutdown(wait=False)
        self._delivery.close()
        self._alarms.close()
        self._gateway.close()
        self._access_log.close()
        self._invoker.close()
        self._functions.close()
        self._plane.endpoints.close()
        self._sessions.close()

    def _changed(self, service: str, is_important: bool) -> None:
        if service == "apigateway":
            self._gateway.invalidate()
        if self._state is None:
            return
        # Services can change what others store, such as a topic its queues.
        self._state.save_later()
        if is_important:
            for part in _TOGETHER.get(service, (service or "s3",)):
                self._changes.mark(part)

    def _clients_of_rule(self, rule_arn: str) -> Clients:
        return self._sessions.of(self._authorizer.of_service("events.amazonaws.com", rule_arn))

    def _clients_of_alarm(self, alarm_arn: str) -> Clients:
        return self._sessions.of(self._authorizer.of_service("cloudwatch.amazonaws.com", alarm_arn))

    def _invoke_for_gateway(self, function_arn: str, method_arn: str, event: bytes) -> Invocation:
        """Invoke a function for a method of a REST API, if the function's policy allows it."""
        refusal = self._authorizer.refusal_of_service(
            "apigateway.amazonaws.com", method_arn, "lambda:InvokeFunction", function_arn
        )
        if refusal is not None:
            raise FunctionNotFoundError(refusal.message)
        return self._invoker.invoke_arn(function_arn, event)

    def _described_endpoint(self, name: str) -> dict[str, Any] | None:
        endpoint = backend_of(self.region).endpoints.get(name)
        return None if endpoint is None else dict(endpoint.response_object)


def _clear_moto() -> None:
    BackendDict.reset()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortInUseError(f"Port {port} on {HOST} is not free ({error.strerror}).") from error
    return listener
