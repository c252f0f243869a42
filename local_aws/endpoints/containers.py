"""Containers: child processes that serve a model with its own handlers, as SageMaker's image does."""

from __future__ import annotations

import http.client
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_aws.base.logs import LogStream
from local_aws.base.processes import child_environment, kill_group

LOGGER = logging.getLogger(__name__)
SERVER = Path(__file__).with_name("model_server.py")
START_SECONDS = 60.0
INVOCATION_SECONDS = 60.0


class ContainerError(Exception):
    """A container that fails its health check; the message is the last line of its log."""


@dataclass(frozen=True)
class EndpointAnswer:
    """The container's response; status 0 means that the request timed out."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Container:
    """One running child process, with a pool of connections to it.

    Parameters
    ----------
    base : Path
        Folder that takes the place of /opt/ml and holds the unpacked model.
    environment : Mapping[str, str]
        The model's environment.
    region : str
        Passed to the model as AWS_REGION, as in SageMaker.
    logs : LogStream
        Receives each line that the child writes.
    timeout : float
        Seconds to wait for the response to a request.

    Raises
    ------
    ContainerError
        If the model does not load or the health check fails.
    """

    def __init__(
        self,
        base: Path,
        environment: Mapping[str, str],
        region: str,
        logs: LogStream,
        timeout: float = INVOCATION_SECONDS,
    ) -> None:
        self.in_flight = 0
        self.last_line = ""
        self._logs = logs
        self._timeout = timeout
        self._ending = threading.Lock()
        self._ended = False
        self._idle: deque[http.client.HTTPConnection] = deque()
        reading, writing = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-u", str(SERVER), str(writing)],
                stdin=subprocess.PIPE,  # stays open; when it closes, the child ends itself
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=base,
                env=_container_environment(base, environment, region),
                pass_fds=[writing],
                process_group=0,
            )
        finally:
            os.close(writing)
        self.reader = threading.Thread(target=self._read_output, daemon=True)
        self.reader.start()
        with os.fdopen(reading) as report:
            ready, _, _ = select.select([report], [], [], START_SECONDS)
            text = report.read() if ready else ""
        listening: dict[str, Any] = json.loads(text) if text else {"port": 0, "secret": ""}
        self.port = int(listening["port"])
        self.prefix = f"/{listening['secret']}"
        if not text or not self._answers_ping():
            self.kill()
            raise ContainerError(
                self.last_line or f"the container did not start within {START_SECONDS:.0f} seconds"
            )

    def _answers_ping(self) -> bool:
        try:
            return self.request("GET", "/ping", b"", {}).status == http.client.OK
        except (OSError, http.client.HTTPException) as error:
            LOGGER.warning("The container ended during its first health check: %r", error)
            return False

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> EndpointAnswer:
        """Send one request on a pooled connection.

        Raises
        ------
        OSError, http.client.HTTPException
            If the child ends; TimeoutError if it takes too long.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._timeout)
        try:
            connection.request(method, self.prefix + path, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        answered = dict(response.getheaders())
        return EndpointAnswer(response.status, content, answered.get("Content-Type", ""), answered)

    def _read_output(self) -> None:
        stream = self.process.stdout
        for raw in stream or ():
            line = raw.decode(errors="replace").rstrip()
            if line:
                self.last_line = line
            self._logs.write(line)

    def has_ended(self, patience: float) -> bool:
        """Return whether the child ends within `patience` seconds."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    def drain(self) -> None:
        """Wait until the requests in flight are answered or have timed out, then end the child."""
        deadline = time.monotonic() + INVOCATION_SECONDS
        while self.in_flight and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End the child's process group and close the connections to it; a second call does nothing."""
        with self._ending:
            if self._ended:
                return
            self._ended = True
            kill_group(self.process.pid)
            self.process.wait()
            self.reader.join(timeout=5)
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    stream.close()
            while self._idle:
                self._idle.pop().close()


def _container_environment(base: Path, environment: Mapping[str, str], region: str) -> dict[str, str]:
    return {
        **child_environment(base),
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "SM_MODEL_DIR": str(base / "model"),
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": f"{INVOCATION_SECONDS:.0f}",
        **environment,
        "SAGEMAKER_BASE_DIR": str(base),
    }
