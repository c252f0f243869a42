"""Hosts endpoints: each has a container in service, which is replaced when it dies."""

import http.client
import io
import itertools
import logging
import shutil
import tarfile
import threading
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.base.clients import ACCESS_KEY, SECRET_KEY, Clients
from local_aws.base.logs import LogShipper
from local_aws.endpoints.containers import INVOCATION_SECONDS, Container, ContainerError, EndpointAnswer, Log

LOGGER = logging.getLogger(__name__)
RESTART_DELAY_SECONDS = 1.0
# A child that closes a connection because it is ending has ended well within this time.
END_SECONDS = 5.0
VARIANT = "AllTraffic"


class EndpointError(Exception):
    """An endpoint that cannot be served; the message is the endpoint's FailureReason."""


@dataclass(frozen=True)
class ModelSpec:
    """What an endpoint serves: an artefact in S3 and the container's environment."""

    model_data_url: str
    environment: dict[str, str]
    name: str


class Endpoint:
    """One endpoint: the container in service, replaced when it dies."""

    def __init__(self, name: str, base: Path, spec: ModelSpec, region: str, log: Log) -> None:
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
        """Replace the container when it dies by itself."""
        code = container.process.wait()
        with self._changed:
            if self._closed:
                return
            self._container = None
        container.kill()
        LOGGER.warning("endpoint %s: the container ended with %d and is started again", self.name, code)
        while not self._closed:
            try:
                self._enter_service(self._start())
            except (EndpointError, OSError) as error:
                # OSError, too: the folder goes when the endpoint is closed meanwhile.
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
        """Answer one request, or return None when this has left service and another may have taken its place.

        A container that dies over the request makes a 502, as the proxy in AWS's image does.
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
                # Whoever hears of the failure and asks again must not meet the dead one.
                self._leave_service(container)
            return EndpointAnswer(502, b"Bad Gateway: the container ended.", "text/plain; charset=utf-8")
        finally:
            with self._changed:
                container.in_flight -= 1

    def close(self, *, drain: bool) -> None:
        """Leave service; with `drain`, answer what was accepted before."""
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
    url, region : str
        Local AWS, for the artefacts in S3 and the logs.
    root : Path
        A folder that is ours to fill.
    """

    def __init__(self, url: str, region: str, root: Path) -> None:
        self.region = region
        self._root = root / "endpoints"
        self._clients = Clients(url, region)
        self._logs = LogShipper(
            {
                "AWS_ENDPOINT_URL": url,
                "AWS_REGION": region,
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            }
        )
        self._endpoints: dict[str, Endpoint] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def deploy(self, endpoint: str, model: ModelSpec, wanted: Callable[[], bool] = lambda: True) -> None:
        """Serve a model under an endpoint's name; blocks until it answers, then drains the one before it.

        Parameters
        ----------
        endpoint
            The endpoint's name.
        model
            What it serves.
        wanted
            Asked when the model answers: whether the endpoint is still there. Else all stays as it was.

        Raises
        ------
        EndpointError
            When the artefact cannot be fetched or unpacked, or the model does not load; what was served
            before stays in service.
        """
        base = (self._root / f"{endpoint}-{next(self._numbers)}").resolve()
        stream = f"{VARIANT}/i-{uuid.uuid4().hex[:17]}"
        try:
            unpack_model(self._clients.get("s3"), model, base / "model")
            fresh = Endpoint(endpoint, base, model, self.region, Log(self._logs, log_group(endpoint), stream))
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
        """Take an endpoint out of service; unknown names are fine, for a failed deployment leaves none."""
        with self._lock:
            old = self._endpoints.pop(endpoint, None)
        if old is not None:
            old.close(drain=True)

    def serves(self, endpoint: str) -> bool:
        """Tell whether a model is in service under this name."""
        return endpoint in self._endpoints

    def invoke(self, endpoint: str, body: bytes, headers: Mapping[str, str]) -> EndpointAnswer:
        """Send a request to an endpoint's container.

        Raises
        ------
        KeyError
            When nothing is in service under this name.
        """
        while True:
            answer = self._endpoints[endpoint].invoke(body, headers)
            if answer is not None:
                return answer

    def close(self) -> None:
        """End every child."""
        with self._lock:
            endpoints = list(self._endpoints.values())
            self._endpoints.clear()
        for endpoint in endpoints:
            endpoint.close(drain=False)
        self._logs.close()
        self._clients.close()


def unpack_model(s3: Any, model: ModelSpec, folder: Path) -> None:
    """Fetch a model's artefact and unpack it into `folder`.

    Raises
    ------
    EndpointError
        When that fails, or the model does not say what to serve.
    """
    for name in ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"):
        if name not in model.environment:
            raise EndpointError(
                f"Model {model.name} has no {name} in its Environment; SAGEMAKER_PROGRAM is the module "
                "of the handlers (serve.py), SAGEMAKER_SUBMIT_DIRECTORY its folder (/opt/ml/model/code)."
            )
    bucket, _, key = model.model_data_url.removeprefix("s3://").partition("/")
    folder.mkdir(parents=True)
    try:
        archive = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
    except (BotoCoreError, ClientError, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        # The last three are what a damaged .gz makes of itself.
        raise EndpointError(
            f"The model data {model.model_data_url} of {model.name} could not be fetched and unpacked: "
            f"{error}"
        ) from error


def log_group(endpoint: str) -> str:
    """Name the log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"
