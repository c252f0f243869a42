"""The HTTP server of local AWS: persistent connections and correct content lengths."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local_aws.http_server import Server


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/empty":
        start_response("204 No Content", [])
        return []
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken")
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
