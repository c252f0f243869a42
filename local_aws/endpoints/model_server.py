"""The program of an endpoint's child process: serves one model's own handlers over HTTP.

It stands in for SageMaker's scikit-learn serving container, so it imports only the standard library. The host
runs this file by its path, with the container's environment. Unlike in the container, `model_fn` runs at
start, so that a model that cannot be loaded fails its deployment instead of its first request.
"""

import importlib
import json
import os
import secrets
import sys
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONTAINER_BASE = "/opt/ml"
DEFAULT_TYPE = "application/json"
# For these content types AWS's serving stack decodes the body to text before input_fn, replacing invalid
# bytes. The comparison is exact, parameters included.
TEXT_TYPES = frozenset({"application/json", "text/csv"})
HANDLERS = ("model_fn", "input_fn", "predict_fn", "output_fn")
ERROR_PAGE = b"<!doctype html>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n"


class Model:
    """The loaded model with the handlers of its module.

    Parameters
    ----------
    base : Path
        Folder that takes the place of /opt/ml; the unpacked archive is in `base/model`.
    program, submit_directory : str
        SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY, as in the container.
    """

    def __init__(self, base: Path, program: str, submit_directory: str) -> None:
        sys.path.insert(0, str(moved(submit_directory, base)))
        self._turn = threading.Lock()
        module = importlib.import_module(program.removesuffix(".py").replace("/", "."))
        missing = [name for name in HANDLERS if not callable(getattr(module, name, None))]
        if missing:
            raise AttributeError(
                f"{program} does not define {', '.join(missing)}; a served model needs {', '.join(HANDLERS)}."
            )
        self._input: Callable[[str | bytes, str], Any] = module.input_fn
        self._predict: Callable[[Any, Any], Any] = module.predict_fn
        self._output: Callable[[Any, str], Any] = module.output_fn
        # Optional: without it, AWS's stack answers 404.
        self._execution_parameters = getattr(module, "execution_parameters_fn", None)
        self._model = module.model_fn(str(base / "model"))

    def execution_parameters(self) -> bytes | None:
        """Return the module's settings for batch transform as JSON, or None if it has none."""
        if self._execution_parameters is None:
            return None
        return json.dumps(self._execution_parameters()).encode()

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes, dict[str, str]]:
        """Answer one request; return status, body and headers.

        Requests run one at a time, as in AWS's workers: threads that compete for the interpreter between
        numpy operations need three times the CPU time.
        """
        data = body.decode(errors="replace") if content_type in TEXT_TYPES else body
        with self._turn:
            answer = self._output(self._predict(self._input(data, content_type), self._model), accept)
        if not isinstance(answer, tuple):  # a werkzeug Response, which lets a handler set the status
            return answer.status_code, answer.get_data(), dict(answer.headers)
        content, mimetype = answer
        encoded = content if isinstance(content, bytes) else str(content).encode()
        charset = "; charset=utf-8" if mimetype.startswith("text/") else ""
        return HTTPStatus.OK, encoded, {"Content-Type": mimetype + charset}


def moved(path: str, base: Path) -> Path:
    """Return a path of the container on this machine: `base` replaces a leading /opt/ml."""
    if path == CONTAINER_BASE or path.startswith(CONTAINER_BASE + "/"):
        return base / path[len(CONTAINER_BASE) :].lstrip("/")
    return Path(path)


class RequestHandler(BaseHTTPRequestHandler):
    """Answers GET /ping, GET /execution-parameters and POST /invocations."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body are sent in one packet
    model: Model
    # The paths begin with it: any web page can send requests to a port on loopback.
    secret: str

    def do_GET(self) -> None:
        """Answer the health check; the model has been loaded before connections are accepted."""
        path = self._path()
        parameters = type(self).model.execution_parameters() if path == "/execution-parameters" else None
        if parameters is not None:
            self._answer(HTTPStatus.OK, parameters, {"Content-Type": DEFAULT_TYPE})
            return
        self._answer(HTTPStatus.OK if path == "/ping" else HTTPStatus.NOT_FOUND, b"", {})

    def do_POST(self) -> None:
        """Run the model's handlers."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._path() != "/invocations":
            self._answer(HTTPStatus.NOT_FOUND, b"", {})
            return
        accept = self.headers.get("Accept") or "*/*"
        default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", DEFAULT_TYPE)
        try:
            answer = type(self).model.invoke(
                body,
                self.headers.get("Content-Type") or DEFAULT_TYPE,
                default_accept if accept == "*/*" else accept,
            )
        except Exception:  # noqa: BLE001 - any error in user code is a 500, with its traceback in the log
            traceback.print_exc()
            answer = (
                HTTPStatus.INTERNAL_SERVER_ERROR,
                ERROR_PAGE,
                {"Content-Type": "text/html; charset=utf-8"},
            )
        self._answer(*answer)

    def _path(self) -> str | None:
        """Return the path behind the secret; None without it."""
        prefix = f"/{self.secret}"
        return self.path.removeprefix(prefix) if self.path.startswith(prefix) else None

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """An HTTP server with one thread per connection; the host keeps few connections and reuses them."""

    daemon_threads = True
    request_queue_size = 128


def _end_with_the_host() -> None:
    """End this process when the host closes standard input or dies."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


def main() -> None:
    """Load the model, serve it on a free loopback port, and write port and secret to the given descriptor."""
    report = os.fdopen(int(sys.argv[1]), "w")
    threading.Thread(target=_end_with_the_host, daemon=True).start()
    RequestHandler.model = Model(
        Path(os.environ["SAGEMAKER_BASE_DIR"]),
        os.environ["SAGEMAKER_PROGRAM"],
        os.environ["SAGEMAKER_SUBMIT_DIRECTORY"],
    )
    RequestHandler.secret = secrets.token_urlsafe(16)
    server = Server(("127.0.0.1", 0), RequestHandler)
    with report:
        json.dump({"port": server.server_address[1], "secret": RequestHandler.secret}, report)
    server.serve_forever()


if __name__ == "__main__":
    main()
