"""One warm worker of a Lambda function: awslambdaric in a child process with its own Runtime API."""

import json
import logging
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local_aws.base.bodies import MalformedRequestError, read_body
from local_aws.base.processes import kill_group

LOGGER = logging.getLogger(__name__)
INVOCATION_PATH = "/2018-06-01/runtime/invocation/"
INIT_ERROR_PATH = "/2018-06-01/runtime/init/error"
# AWS allows 10 seconds for initialization before the timeout starts; a laptop can be slower.
START_SECONDS = 30.0
END_OF_OUTPUT_SECONDS = 5.0
# awslambdaric's native client reads the address when it is imported, and takes a path in it. Its Python part,
# which reports errors of initialization, reads it later and takes none.
_LAUNCHER = """
import os, sys
from awslambdaric.__main__ import main
os.environ["AWS_LAMBDA_RUNTIME_API"] = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")[0]
sys.path[0] = ""
main(sys.argv[1:])
"""


class WorkerEndedError(Exception):
    """A worker that cannot answer any more requests; the message is the one that Lambda reports."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclass(frozen=True)
class Request:
    """One invocation, as the Runtime API passes it to the function."""

    request_id: str
    payload: bytes
    arn: str
    trace_id: str
    timeout: float


@dataclass(frozen=True)
class Outcome:
    """The function's answer or its error document."""

    payload: bytes
    failed: bool
    init_error: bool = False


class _Mailbox:
    """Requests and outcomes exchanged between the Runtime API's threads and the invoking thread.

    The paths begin with a secret that only the child process knows: any web page can send requests to a port
    on loopback, and a forged answer would go to the next caller.
    """

    def __init__(self) -> None:
        self.requests: queue.Queue[Request | None] = queue.Queue()
        self.outcomes: queue.Queue[Outcome | None] = queue.Queue()
        self.ready = threading.Event()
        self.secret = secrets.token_urlsafe(16)
        self._in_flight: str | None = None
        self._lock = threading.Lock()

    def path(self, rest: str) -> str:
        """Return the secret path of an invocation's resource."""
        return f"/{self.secret}{INVOCATION_PATH}{rest}"

    def next(self) -> Request | None:
        """Wait for the next request; None when there will be none."""
        request = self.requests.get()
        with self._lock:
            self._in_flight = None if request is None else request.request_id
        return request

    def accept(self, path: str, body: bytes) -> bool:
        """Take an outcome, if it belongs to the request in flight and is its first."""
        with self._lock:
            allowed = {self.path(f"{self._in_flight}/{end}"): end == "error" for end in ("response", "error")}
            if self._in_flight is None or path not in allowed:
                return False
            self._in_flight = None
        self.outcomes.put(Outcome(body, allowed[path]))
        return True


class _RuntimeApi(BaseHTTPRequestHandler):
    """The Lambda Runtime API: next invocation, response, error and initialization error."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    mailbox: _Mailbox

    def do_GET(self) -> None:
        """Answer with the next request; block until there is one."""
        if self.path != self.mailbox.path("next"):
            self._answer(HTTPStatus.NOT_FOUND, b"", {})
            return
        self.mailbox.ready.set()
        request = self.mailbox.next()
        if request is None:
            self._answer(HTTPStatus.GONE, b"", {})
            return
        deadline = int((time.time() + request.timeout) * 1000)
        self._answer(
            HTTPStatus.OK,
            request.payload,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": request.arn,
                "Lambda-Runtime-Trace-Id": request.trace_id,
            },
        )

    def do_POST(self) -> None:
        """Take the answer to the request in flight, or an error."""
        try:
            body = read_body(self.headers, self.rfile)
        except MalformedRequestError as error:
            self.close_connection = True
            self._answer(HTTPStatus.BAD_REQUEST, str(error).encode(), {})
            return
        if self._is_init_error():
            self.mailbox.outcomes.put(Outcome(body, failed=True, init_error=True))
            self.mailbox.ready.set()
        elif not self.mailbox.accept(self.path, body):
            self._answer(HTTPStatus.BAD_REQUEST, b"There is no such request in flight.", {})
            return
        self._answer(HTTPStatus.ACCEPTED, b"", {})

    def _is_init_error(self) -> bool:
        """Return whether the function reports that its code does not load. It does so before it is ready."""
        from_browser = any(name in self.headers for name in ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"))
        return self.path == INIT_ERROR_PATH and not from_browser and not self.mailbox.ready.is_set()

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, _request: object, client_address: object) -> None:
        """Log a broken connection instead of printing it; killing the child breaks connections."""
        LOGGER.debug("Connection from %s failed", client_address, exc_info=True)


class Worker:
    """A child process that answers one request at a time.

    Parameters
    ----------
    handler : str
        `module.function`.
    folder : Path
        The unpacked code.
    environment : Mapping[str, str]
        Environment of the child, without the address of its Runtime API.
    """

    def __init__(self, handler: str, folder: Path, environment: Mapping[str, str]) -> None:
        started = time.monotonic()
        self._mailbox = _Mailbox()
        handler_class = type("RuntimeApi", (_RuntimeApi,), {"mailbox": self._mailbox})
        self._server = _Server(("127.0.0.1", 0), handler_class)
        self.port: int = self._server.server_address[1]
        address = f"127.0.0.1:{self.port}/{self._mailbox.secret}"
        self._lines: list[str] = []
        self._marked = threading.Condition()
        self._marks = 0
        reading, self._output = os.pipe()
        self._output_open = True
        self._output_lock = threading.Lock()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LAUNCHER, "awslambdaric", handler],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={
                    **environment,
                    "AWS_LAMBDA_RUNTIME_API": address,
                },
                process_group=0,
            )
        except OSError:
            self._server.server_close()
            os.close(reading)
            os.close(self._output)
            raise
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            threading.Thread(target=self._watch, daemon=True),
            threading.Thread(target=self._read_output, args=(reading,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._mailbox.ready.wait(START_SECONDS)
        self.start_seconds: float | None = time.monotonic() - started

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def invoke(self, request: Request) -> Outcome:
        """Send one request to the function and wait for the outcome.

        Raises
        ------
        WorkerEndedError
            If the process ends without an answer, or the timeout passes.
        """
        self._mailbox.requests.put(request)
        try:
            outcome = self._mailbox.outcomes.get(timeout=request.timeout)
        except queue.Empty:
            raise WorkerEndedError(
                "Sandbox.Timedout",
                f"RequestId: {request.request_id} Error: Task timed out after {request.timeout:.2f} seconds",
            ) from None
        if outcome is None:
            code = self._process.wait()
            how = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
            raise WorkerEndedError(
                "Runtime.ExitError",
                f"RequestId: {request.request_id} Error: Runtime exited with error: {how}",
            )
        return outcome

    def take_lines(self) -> list[str]:
        """Return the lines that the function has written since the last call.

        A marker written to the same pipe shows where the output of this invocation ends.
        """
        with self._marked:
            wanted = self._marks + 1
        # Writing while holding `_marked` could deadlock: the reader needs it to empty a full pipe.
        with self._output_lock:
            marked = self._output_open  # False if the worker was closed during the request
            if marked:
                os.write(self._output, b"\0\n")
        with self._marked:
            if marked:
                self._marked.wait_for(lambda: self._marks >= wanted, END_OF_OUTPUT_SECONDS)
            lines, self._lines = self._lines, []
        return lines

    def _watch(self) -> None:
        self._process.wait()
        self._mailbox.ready.set()
        self._mailbox.outcomes.put(None)

    def _read_output(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as stream:
            for raw in stream:
                text = raw.removesuffix(b"\n").decode(errors="replace")
                with self._marked:
                    # Unfinished output can precede the marker on its line.
                    line, marker, _ = text.partition("\0")
                    if line:
                        # The runtime client separates the lines of one log event by carriage returns.
                        self._lines.append(line.replace("\r", "\n"))
                    if marker:
                        self._marks += 1
                        self._marked.notify_all()

    def close(self) -> None:
        """End the child and its Runtime API."""
        kill_group(self._process.pid)
        self._process.wait()
        self._mailbox.requests.put(None)
        self._server.shutdown()
        self._server.server_close()
        with self._output_lock:
            self._output_open = False
            os.close(self._output)
        for thread in self._threads:
            thread.join(timeout=5)


def error_document(error_type: str, message: str) -> bytes:
    """Return the payload of an error that Lambda itself reports, not the function."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()
