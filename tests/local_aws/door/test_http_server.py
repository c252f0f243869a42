"""The HTTP server of local AWS: persistent connections and correct content lengths."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local_aws.base.bodies import MALFORMED
from local_aws.http_server import RequestHandler, Server


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/empty":
        start_response("204 No Content", [])
        return []
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken")
    if MALFORMED in environ:
        start_response("400 Bad Request", [])
        return [environ[MALFORMED].encode()]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    # The server overrides the application's length and connection headers.
    start_response("200 OK", [("Content-Length", "7"), ("Connection", "close"), ("X-Method", "yes")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"heard ", body]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = Server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.close_connections()
    server.server_close()
    thread.join()


def test_a_connection_carries_many_requests(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    heard = []
    used = set()
    for method, path, body in (
        ("POST", "/", b"first"),
        ("HEAD", "/", b""),
        ("GET", "/empty", b""),
        ("POST", "/", b""),
        ("POST", "/", b"last"),
    ):
        connection.request(method, path, body)
        used.add(connection.sock.getsockname() if connection.sock else None)
        answer = connection.getresponse()
        heard.append((answer.status, answer.read(), answer.getheader("Content-Length")))
    connection.close()
    assert heard == [
        (200, b"heard first", "11"),
        (200, b"", "7"),
        (204, b"", None),
        (200, b"heard ", "6"),
        (200, b"heard last", "10"),
    ]
    assert len(used) == 1


def test_an_idle_connection_is_closed_without_a_message(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(RequestHandler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        assert client.recv(1) == b""
    assert [record for record in caplog.records if record.levelno >= logging.INFO] == []


def test_a_client_that_expects_100_continue_gets_it_once(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"heard body")


def test_an_unexpected_error_closes_the_connection(port: int, caplog: pytest.LogCaptureFixture) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", "/broken", b"unread")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection"), answer.read()) == (500, "close", b"")
    assert "broken" in caplog.text


def send(port: int, request: bytes, *, end: bool = False) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request)
        if end:
            client.shutdown(socket.SHUT_WR)
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_chunked_body_is_read_whole(port: int) -> None:
    request = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = send(port, request + b"5\r\nfirst\r\n6;name=value\r\n, last\r\n0\r\nTrailer: x\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nheard first, last")


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n{}", "Content-Length is 'abc'"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}", "Content-Length is '-1'"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{}", "larger than 1,073,741,824"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}", "ended after 2 of 10 bytes"),
        (CHUNKED + b"ffffffffffffff\r\n", "no valid size"),
        (CHUNKED + b"ffffffff\r\n", "larger than 1,073,741,824"),
        (CHUNKED + b"5\r\nabc", "ended after 3 of 5 bytes"),
        (CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n", "longer than its size"),
        (CHUNKED, "no valid size, or the body ended early"),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * 101, "more than 100 trailers"),
        (CHUNKED.replace(b"chunked", b"gzip"), "either a Content-Length"),
        (CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n") + b"abc", "either a Content-Length"),
    ],
)
def test_a_body_that_cannot_be_read_is_reported_at_once(port: int, request_bytes: bytes, reason: str) -> None:
    answer = send(port, request_bytes, end=True)
    # The application answers in the form that its client expects; this one repeats the reason.
    assert b"HTTP/1.1 400 " in answer
    assert reason.encode() in answer
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    "sent", [b"", b"POST / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_a_connection_that_says_nothing_more_is_closed(
    port: int, sent: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(RequestHandler, "timeout", 0.2)
    assert send(port, sent) == b""
    assert capfd.readouterr() == ("", "")
