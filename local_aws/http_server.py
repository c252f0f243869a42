"""The HTTP server of local AWS: threaded, with persistent connections and unchunked responses."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import socket
import threading
from collections.abc import Mapping
from typing import IO, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

logger = logging.getLogger(__name__)

_WITHOUT_BODY = {"204", "304"}
_OWN_HEADERS = {"connection", "content-length", "transfer-encoding"}
# The environ key under which a request that is not valid HTTP carries the reason.
MALFORMED = "local_aws.malformed"
IDLE_SECONDS = 60
# A request's body is held in memory, so its size has a limit.
LARGEST_BODY = 2**30
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r?\n")
_LONGEST_LINE = 8192
_MOST_TRAILERS = 100


class MalformedRequestError(Exception):
    """A request whose body cannot be read; the message says why."""


def read_body(headers: Mapping[str, str], stream: IO[bytes]) -> bytes:
    """Read the whole body of a request.

    Raises
    ------
    MalformedRequestError
        If the length is missing, not a number, negative or above `LARGEST_BODY`, or the body ends early.
    """
    encoding = headers.get("Transfer-Encoding", "").strip().lower()
    length = headers.get("Content-Length")
    if encoding:
        if encoding != "chunked" or length is not None:
            raise MalformedRequestError(
                "A request has either a Content-Length or the Transfer-Encoding chunked."
            )
        return _read_chunks(stream)
    if length is None:
        return b""
    if not (length.isascii() and length.isdecimal()):
        raise MalformedRequestError(
            f"Content-Length is {length[:40]!r}; it must be a number of bytes, 0 or more."
        )
    _check_size(int(length))
    return _read_exactly(stream, int(length))


def _read_chunks(stream: IO[bytes]) -> bytes:
    body = bytearray()
    while True:
        head = _CHUNK_SIZE.fullmatch(stream.readline(_LONGEST_LINE))
        if head is None:
            raise MalformedRequestError("A chunk of the body has no valid size, or the body ended early.")
        size = int(head[1], 16)
        if size == 0:
            break
        _check_size(len(body) + size)
        body += _read_exactly(stream, size)
        if stream.readline(3) not in (b"\r\n", b"\n"):
            raise MalformedRequestError("A chunk of the body is longer than its size says.")
    for _ in range(_MOST_TRAILERS):
        if stream.readline(_LONGEST_LINE) in (b"\r\n", b"\n", b""):
            return bytes(body)
    raise MalformedRequestError(f"The body has more than {_MOST_TRAILERS} trailers.")


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise MalformedRequestError(f"The body ended after {len(body):,} of {size:,} bytes.")
    return body


def _check_size(size: int) -> None:
    if size > LARGEST_BODY:
        raise MalformedRequestError(f"The body is larger than {LARGEST_BODY:,} bytes; upload it in parts.")


class RequestHandler(MotoRequestHandler):  # type: ignore[misc]
    """Answers the requests of one connection in turn.

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
