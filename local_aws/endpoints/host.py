"""Hosts endpoints: each has a container in service, and during an update two; they are restarted."""

import http.client
import itertools
import logging
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.base.archives import ArchiveError
from local_aws.base.logs import LogShipper, LogStream
from local_aws.base.metrics import Metrics
from local_aws.base.s3 import unpack_archive
from local_aws.endpoints.containers import INVOCATION_SECONDS, Container, ContainerError, EndpointAnswer
from local_aws.iam.sessions import AssumeRoleError, Sessions

LOGGER = logging.getLogger(__name__)
RESTART_DELAY_SECONDS = 1.0
# A child that closes a connection because it is exiting does so well within this time.
END_SECONDS = 5.0
VARIANT = "AllTraffic"
SAGEMAKER = "sagemaker.amazonaws.com"


class EndpointError(Exception):
    """An endpoint that cannot serve its model; the message is the endpoint's FailureReason."""


@dataclass(frozen=True)
class ModelSpec:
    """The model that an endpoint serves: an archive in S3, the container's environment, and the role."""

    model_data_url: str
    environment: dict[str, str]
    name: str
    role: str


class Fleet:
    """The container of one configuration of an endpoint, restarted when it dies."""

    def __init__(
        self, name: str, config: str, base: Path, spec: ModelSpec, region: str, log: LogStream
    ) -> None:
        self.name = name
        self.config = config
        self._base = base
        self._spec = spec
        self._region = region
        self.log = log
        self._changed = threading.Condition()
        self._closed = False
        self._container: Container | None = None
        self._enter_service(self._start())

    def _start(self) -> Container:
        try:
            return Container(self._base, self._spec.environment, self._region, self.log)
        except ContainerError as error:
            raise EndpointError(
                f"The primary container for production variant {VARIANT} did not pass the ping health check. "
                f"Please check CloudWatch logs for this endpoint. Last log line: {error}"
            ) from error

    def _enter_service(self, container: Container) -> None:
        with self._changed:
            closed = self._closed
            if not closed:
                self._container = container
                self._changed.notify_all()
        if closed:
            container.kill()
        else:
            threading.Thread(target=self._watch, args=(container,), daemon=True).start()

    def _watch(self, container: Container) -> None:
        """Restart the container when it dies."""
        code = container.process.wait()
        with self._changed:
            if self._closed:
                return
            self._container = None
        container.kill()
        LOGGER.warning("Endpoint %s: the container exited with code %d; restarting it", self.name, code)
        while not self._closed:
            try:
                self._enter_service(self._start())
            except (EndpointError, OSError) as error:
                # Closing the endpoint at this moment removes the folder, hence OSError.
                self.log.write(str(error))
                self._wait_closed(RESTART_DELAY_SECONDS)
            else:
                return

    def _leave_service(self, container: Container) -> None:
        with self._changed:
            if self._container is container:
                self._container = None

    def _wait_closed(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> EndpointAnswer | None:
        """Answer one request, or return None if this fleet no longer serves.

        If the container dies during the request, the answer is 502, as from the proxy in AWS's image.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._container is not None or self._closed, INVOCATION_SECONDS)
            container = self._container
            if self._closed:
                return None
            if container is None:
                return EndpointAnswer(503, b"The container is not running.", "text/plain; charset=utf-8")
            container.in_flight += 1
        try:
            return container.request("POST", "/invocations", body, headers)
        except TimeoutError:
            waited = b"Your invocation timed out while waiting for a response from container primary."
            return EndpointAnswer(0, waited, "text/plain; charset=utf-8")
        except (OSError, http.client.HTTPException) as error:
            self.log.write(f"The container closed the connection during an invocation: {error!r}")
            if container.has_ended(END_SECONDS):
                # The caller may retry at once, and the retry must not reach the dead container.
                self._leave_service(container)
            return EndpointAnswer(502, b"Bad Gateway: the container ended.", "text/plain; charset=utf-8")
        finally:
            with self._changed:
                container.in_flight -= 1

    def close(self, *, drain: bool) -> None:
        """Stop serving; with `drain`, finish the requests that have been accepted."""
        with self._changed:
            self._closed = True
            container, self._container = self._container, None
            self._changed.notify_all()
        if container is not None:
            container.drain() if drain else container.kill()
        shutil.rmtree(self._base, ignore_errors=True)


class Traffic:
    """The fleets of an endpoint that answer requests: one, or during an update the old and the new one."""

    def __init__(self, fleet: Fleet) -> None:
        self._lock = threading.Lock()
        self._old = fleet
        self._new: Fleet | None = None
        self._share = 0.0
        self._due = 0.0

    def choose(self) -> Fleet:
        """Return the fleet for the next request; the new one gets its exact share of them, evenly spread."""
        with self._lock:
            if self._new is None:
                return self._old
            self._due += self._share
            if self._due < 1:
                return self._old
            self._due -= 1
            return self._new

    def shift(self, fleet: Fleet, share: float) -> None:
        """Send a share of the requests to a new fleet."""
        with self._lock:
            self._new, self._share = fleet, share

    def keep(self, fleet: Fleet) -> list[Fleet]:
        """Send all requests to one fleet; return the others."""
        with self._lock:
            others = [each for each in (self._old, self._new) if each not in (None, fleet)]
            self._old, self._new, self._due = fleet, None, 0.0
        return [each for each in others if each is not None]

    def fleets(self) -> list[Fleet]:
        """Return the fleets."""
        with self._lock:
            return [self._old, *([self._new] if self._new else [])]


class EndpointHost:
    """All endpoints of one local AWS.

    Parameters
    ----------
    sessions : Sessions
        Clients of local AWS, for the model archives in S3 and the logs.
    root : Path
        Folder for the unpacked models.
    metrics : Metrics
        Where the metrics of the requests are recorded.
    """

    def __init__(self, sessions: Sessions, root: Path, metrics: Metrics) -> None:
        self.region = sessions.region
        self._metrics = metrics
        self._sessions = sessions
        self._root = root / "endpoints"
        self._logs = LogShipper()
        self._endpoints: dict[str, Traffic] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def start(self, endpoint: str, config: str, model: ModelSpec) -> Fleet:
        """Start a model for an endpoint; it gets no requests yet.

        Parameters
        ----------
        endpoint
            The endpoint's name.
        config
            Name of the endpoint configuration.
        model
            The model to serve.

        Raises
        ------
        EndpointError
            If the archive cannot be downloaded or unpacked, or the model does not load.
        """
        base = (self._root / f"{endpoint}-{next(self._numbers)}").resolve()
        stream = f"{VARIANT}/i-{uuid.uuid4().hex[:17]}"
        try:
            clients = self._sessions.of_role(model.role, SAGEMAKER)
            unpack_model(clients.get("s3"), model, base / "model")
            log = LogStream(self._logs, clients, log_group(endpoint), stream)
            return Fleet(endpoint, config, base, model, self.region, log)
        except AssumeRoleError as error:
            raise EndpointError(str(error)) from error
        except EndpointError:
            shutil.rmtree(base, ignore_errors=True)
            raise

    def shift(self, fleet: Fleet, share: float) -> None:
        """Send a share of the endpoint's requests to a new fleet, beside the one in service."""
        with self._lock:
            self._endpoints[fleet.name].shift(fleet, share)

    def keep(self, fleet: Fleet, wanted: Callable[[], bool] = lambda: True) -> None:
        """Send all requests of the endpoint to one fleet, and drain the others.

        Parameters
        ----------
        fleet
            The fleet; it can be new.
        wanted
            If it returns False, because the endpoint was deleted, the fleet is dropped.
        """
        with self._lock:
            if not wanted():
                retired = [fleet]
            elif (traffic := self._endpoints.get(fleet.name)) is not None:
                retired = traffic.keep(fleet)
            else:
                retired, self._endpoints[fleet.name] = [], Traffic(fleet)
        _drain(retired)

    def withdraw(self, fleet: Fleet) -> None:
        """Send all requests of the endpoint to its other fleet, and drain this one."""
        with self._lock:
            traffic = self._endpoints.get(fleet.name)
            others = [] if traffic is None else [each for each in traffic.fleets() if each is not fleet]
            if traffic is not None and others:
                traffic.keep(others[0])
        _drain([fleet])

    def stop(self, endpoint: str) -> None:
        """Take an endpoint out of service; its requests in flight are still answered.

        Ignore endpoints that never served a model.
        """
        with self._lock:
            old = self._endpoints.pop(endpoint, None)
        _drain(old.fleets() if old is not None else [])

    def serves(self, endpoint: str) -> bool:
        """Return whether a model is in service under this name."""
        return endpoint in self._endpoints

    def invoke(self, endpoint: str, body: bytes, headers: Mapping[str, str]) -> EndpointAnswer:
        """Send a request to an endpoint's container.

        Raises
        ------
        KeyError
            If no model is in service under this name.
        """
        while True:
            fleet = self._endpoints[endpoint].choose()
            started = time.perf_counter()
            answer = fleet.invoke(body, headers)
            if answer is not None:
                seconds = time.perf_counter() - started
                record_request(self._metrics, fleet.name, fleet.config, answer.status, seconds)
                return answer

    def close(self) -> None:
        """End every container."""
        with self._lock:
            fleets = [fleet for traffic in self._endpoints.values() for fleet in traffic.fleets()]
            self._endpoints.clear()
        for fleet in fleets:
            fleet.close(drain=False)
        self._logs.close()


def record_request(metrics: Metrics, endpoint: str, config: str, status: int, seconds: float) -> None:
    """Record the metrics of a request, for the endpoint and for the configuration that answered."""
    client_error = 400 <= status < 500
    values = {
        "Invocations": 1.0,
        "Invocation4XXErrors": float(client_error),
        "Invocation5XXErrors": float(not client_error and not 200 <= status < 300),
        "ModelLatency": seconds * 1e6,
    }
    dimensions = [("EndpointName", endpoint), ("VariantName", VARIANT)]
    for each in (dimensions, [*dimensions, ("EndpointConfigName", config)]):
        metrics.record("AWS/SageMaker", values, each)


def _drain(fleets: Iterable[Fleet]) -> None:
    for fleet in fleets:
        threading.Thread(target=fleet.close, kwargs={"drain": True}, daemon=True).start()


def unpack_model(s3: Any, model: ModelSpec, folder: Path) -> None:
    """Download a model's archive and unpack it into `folder`.

    Raises
    ------
    EndpointError
        If that fails, or if the model's environment names no handlers.
    """
    for name in ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"):
        if name not in model.environment:
            raise EndpointError(
                f"Model {model.name} has no {name} in its Environment; SAGEMAKER_PROGRAM is the module "
                "of the handlers (serve.py), SAGEMAKER_SUBMIT_DIRECTORY its folder (/opt/ml/model/code)."
            )
    try:
        unpack_archive(s3, model.model_data_url, folder)
    except ArchiveError as error:
        raise EndpointError(f"Model {model.name}: {error}") from error


def log_group(endpoint: str) -> str:
    """Return the name of an endpoint's log group."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"
