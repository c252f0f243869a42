"""The HTTP server of local AWS: threaded, with persistent connections and unchunked responses."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from local_aws.base.bodies import MALFORMED, MalformedRequestError, read_body

logger = logging.getLogger(__name__)

_WITHOUT_BODY = {"204", "304"}
_OWN_HEADERS = {"connection", "content-length", "transfer-encoding"}
IDLE_SECONDS = 60


class RequestHandler(MotoRequestHandler):  # type: ignore[misc]
    """Answers the requests of one connection, one at a time.

    werkzeug's handler closes the connection after each response, because an application can leave the request
    body unread. Here the whole body is read before the application runs, so the connection can stay open.
    """

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS  # ends connections that are idle or half open
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body are sent together

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        try:
            content = read_body(self.headers, self.rfile)
        except MalformedRequestError as error:
            # Where the next request would start is not known.
            self.close_connection = True
            content, environ[MALFORMED] = b"", str(error)
        environ["wsgi.input"] = io.BytesIO(content)
        environ["CONTENT_LENGTH"] = str(len(content))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            started[:] = [status, headers]

        try:
            parts = self.server.app(environ, start_response)
            try:
                body = b"".join(parts)
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
            status, headers = started
        except Exception:
            # The front fails on malformed HTTP; the connection closes because its read position is unknown.
            logger.exception("Local AWS failed while reading a request")
            self.close_connection = True
            status, headers, body = "500 Internal Server Error", [], b""
        self._answer(status, headers, body)

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        stated = None
        for name, value in headers:
            if name.lower() == "content-length":
                stated = value
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        # The response to HEAD has the length of the response to GET, but no body.
        is_head = self.command == "HEAD"
        if is_head and stated is not None:
            self.send_header("Content-Length", stated)
        elif code not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not is_head and code not in _WITHOUT_BODY:
            self.wfile.write(body)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Send 100 Continue at once, because the client waits for it before it sends the body."""
        go_on: bool = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Do not log requests; clients see their own errors."""

    def log_error(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name in the base class
        """Log instead of printing: connections that stay idle until the timeout are normal."""
        logger.debug(format, *arguments)


class Server(ThreadedWSGIServer):  # type: ignore[misc]
    """Tracks open connections, so that stopping can also close idle ones."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, handler=RequestHandler, **options)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: socket.socket, client_address: Any) -> None:
        """Add a new connection."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        """Remove a connection that has ended."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Close all open connections."""
        with self._lock:
            for connection in self._connections:
                # The client may already have closed the connection.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: socket.socket, client_address: Any) -> None:
        """Log a broken connection instead of printing it."""
        logger.debug("Connection from %s failed", client_address, exc_info=True)
