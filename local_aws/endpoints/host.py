"""Hosts endpoints: each has a container in service, which is restarted when it dies."""

import http.client
import itertools
import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.base.archives import ArchiveError
from local_aws.base.logs import LogShipper, LogStream
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


class Endpoint:
    """One endpoint: the container in service, restarted when it dies."""

    def __init__(self, name: str, base: Path, spec: ModelSpec, region: str, log: LogStream) -> None:
        self.name = name
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
        """Answer one request, or return None if this endpoint no longer serves.

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


class EndpointHost:
    """All endpoints of one local AWS.

    Parameters
    ----------
    sessions : Sessions
        Clients of local AWS, for the model archives in S3 and the logs.
    root : Path
        Folder for the unpacked models.
    """

    def __init__(self, sessions: Sessions, root: Path) -> None:
        self.region = sessions.region
        self._sessions = sessions
        self._root = root / "endpoints"
        self._logs = LogShipper()
        self._endpoints: dict[str, Endpoint] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def deploy(self, endpoint: str, model: ModelSpec, wanted: Callable[[], bool] = lambda: True) -> None:
        """Serve a model under an endpoint's name; block until it answers, then drain the previous one.

        Parameters
        ----------
        endpoint
            The endpoint's name.
        model
            The model to serve.
        wanted
            Called once the model answers; if it returns False, because the endpoint was deleted, the new
            container is dropped.

        Raises
        ------
        EndpointError
            If the archive cannot be downloaded or unpacked, or the model does not load; the previous
            model stays in service.
        """
        base = (self._root / f"{endpoint}-{next(self._numbers)}").resolve()
        stream = f"{VARIANT}/i-{uuid.uuid4().hex[:17]}"
        try:
            clients = self._sessions.of_role(model.role, SAGEMAKER)
            unpack_model(clients.get("s3"), model, base / "model")
            log = LogStream(self._logs, clients, log_group(endpoint), stream)
            fresh = Endpoint(endpoint, base, model, self.region, log)
        except AssumeRoleError as error:
            raise EndpointError(str(error)) from error
        except EndpointError:
            shutil.rmtree(base, ignore_errors=True)
            raise
        with self._lock:
            retired: Endpoint | None = fresh
            if wanted():
                retired = self._endpoints.get(endpoint)
                self._endpoints[endpoint] = fresh
        if retired is not None:
            threading.Thread(target=retired.close, kwargs={"drain": True}, daemon=True).start()

    def stop(self, endpoint: str) -> None:
        """Take an endpoint out of service; its requests in flight are still answered.

        Ignore endpoints that never served a model.
        """
        with self._lock:
            old = self._endpoints.pop(endpoint, None)
        if old is not None:
            threading.Thread(target=old.close, kwargs={"drain": True}, daemon=True).start()

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
            answer = self._endpoints[endpoint].invoke(body, headers)
            if answer is not None:
                return answer

    def close(self) -> None:
        """End every container."""
        with self._lock:
            endpoints = list(self._endpoints.values())
            self._endpoints.clear()
        for endpoint in endpoints:
            endpoint.close(drain=False)
        self._logs.close()


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
