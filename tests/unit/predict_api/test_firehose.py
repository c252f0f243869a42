"""Records reach Firehose signed, and a prediction waits for it at most 300 ms."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from predict_api.log.firehose import AGAIN_WITHIN, ATTEMPT_SECONDS, Firehose, RejectedError

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
REGION = "eu-west-1"
ACCEPTED = {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "1"}]}
# What the server can do instead of accepting a call.
DROP, CLOSE_AFTER, WAIT, NOT_JSON = "drop", "close after the answer", "wait", "not JSON"


class Server:
    """Firehose on loopback: does what is `planned`, then accepts all calls.

    A plan is an answer with its status, or one of the words above.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.planned: list[tuple[int, Any] | str] = []
        self.requests: list[Any] = []
        self.connections: set[Any] = set()
        self.released = threading.Event()
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_state: Server

    def do_POST(self) -> None:
        state = self.server_state
        body = self.rfile.read(int(self.headers["Content-Length"]))
        state.requests.append((self.path, self.headers, body))
        state.connections.add(self.client_address)
        plan = state.planned.pop(0) if state.planned else (200, ACCEPTED)
        if plan in (DROP, WAIT):
            self.close_connection = True
            if plan == WAIT:
                state.released.wait(10)
            return
        self.close_connection = plan == CLOSE_AFTER
        status, answer = (200, ACCEPTED) if isinstance(plan, str) else plan
        text = b"<html>" if plan == NOT_JSON else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as running:
        yield running


class Connect(Protocol):
    """Returns a stream at an address, which is closed after the test."""

    def __call__(self, url: str, clock: Callable[[], float] = ...) -> Firehose: ...


@pytest.fixture
def connect() -> Iterator[Connect]:
    with ExitStack() as stack:

        def connected(url: str, clock: Callable[[], float] = time.monotonic) -> Firehose:
            stream = Firehose(url, REGION, CREDENTIALS, "predictions", clock=clock)
            return stack.enter_context(closing(stream))

        yield connected


def certificate(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that nobody has signed, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(text + signed.public_bytes(pem))
    return path


def signature(url: str, path: str, headers: Any, body: bytes) -> str:
    """Return the signature that belongs to a request as it arrived."""
    signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest("POST", f"{url}{path}", {name: headers[name] for name in signed}, body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(CREDENTIALS, "firehose", REGION)
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def test_a_call_has_the_records_and_the_signature_of_what_arrives(connect: Connect, server: Server) -> None:
    assert connect(server.url).put([b'{"id":"\xc3\xa9"}\n', b"\x00\xff"]) == ACCEPTED
    [(path, headers, body)] = server.requests
    document = json.loads(body)
    assert document["DeliveryStreamName"] == "predictions"
    assert [base64.b64decode(each["Data"]) for each in document["Records"]] == [
        b'{"id":"\xc3\xa9"}\n',
        b"\x00\xff",
    ]
    assert headers["X-Amz-Target"] == "Firehose_20150804.PutRecordBatch"
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert headers["X-Amz-Security-Token"] == "token"
    assert headers["Authorization"].endswith(f"Signature={signature(server.url, path, headers, body)}")


def test_the_connection_is_kept_even_after_rejected_calls_and_records(
    connect: Connect, server: Server
) -> None:
    stream = connect(server.url)
    failed = {"FailedPutCount": 1, "RequestResponses": [{"ErrorCode": "ServiceUnavailableException"}]}
    server.planned = [
        (200, ACCEPTED),
        (400, {"__type": "com.amazonaws.firehose#ResourceNotFoundException", "message": "Not found."}),
        (503, {"__type": "ServiceUnavailableException"}),
        (200, failed),
    ]
    assert stream.put([b"1"]) == ACCEPTED
    for code in ("ResourceNotFoundException", "ServiceUnavailableException"):
        with pytest.raises(RejectedError) as rejected:
            stream.put([b"2"])
        assert rejected.value.code == code
    assert stream.put([b"3"]) == failed
    assert (len(server.requests), len(server.connections)) == (4, 1)


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_connection_that_firehose_has_closed_is_replaced(
    connect: Connect, is_encrypted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with Server(trusted if is_encrypted else None).running() as server:
        server.planned = [CLOSE_AFTER, DROP]
        stream = connect(server.url)
        assert stream.put([b"1"]) == ACCEPTED
        time.sleep(0.05)  # until the connection is closed
        with pytest.raises(ConnectionError):
            stream.put([b"2"])  # on a new connection, which is dropped
        assert stream.put([b"3"]) == ACCEPTED
        assert (len(server.requests), len(server.connections)) == (3, 3)


@pytest.mark.parametrize(("seconds", "attempts"), [(AGAIN_WITHIN - 0.01, 2), (AGAIN_WITHIN + 0.01, 1)])
def test_a_connection_is_replaced_once_and_only_at_once(
    connect: Connect, server: Server, seconds: float, attempts: int
) -> None:
    # Of each attempt: its start or the failure before it, before it is sent, and before its answer.
    moments = iter([0.0] * 3 + [1.0] * 3 + [1.0 + seconds] * 3)
    stream = connect(server.url, clock=lambda: next(moments))
    server.planned = [(200, ACCEPTED), DROP, DROP]
    stream.put([b"1"])
    with pytest.raises(ConnectionError):
        stream.put([b"2"])
    assert len(server.requests) == 1 + attempts


def test_a_new_connection_is_not_replaced(connect: Connect, server: Server) -> None:
    server.planned = [DROP]
    with pytest.raises(ConnectionError):
        connect(server.url).put([b"1"])
    assert len(server.requests) == 1


def test_a_late_answer_is_neither_waited_for_nor_taken_for_the_next_one(
    connect: Connect, server: Server
) -> None:
    stream = connect(server.url)
    late = {"FailedPutCount": 1, "RequestResponses": [{"ErrorCode": "InternalFailure"}]}
    stream.put([b"1"])
    server.planned = [WAIT, (200, late)]
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        stream.put([b"2"])
    assert ATTEMPT_SECONDS <= time.monotonic() - started < 1
    server.released.set()
    assert stream.put([b"3"]) == late
    assert [len(server.requests), len(server.connections)] == [3, 2]


def test_both_attempts_take_at_most_300_ms() -> None:
    assert AGAIN_WITHIN + ATTEMPT_SECONDS <= 0.3


def test_a_slow_connection_leaves_no_time_for_the_call(connect: Connect, server: Server) -> None:
    moments = iter([0.0, ATTEMPT_SECONDS])
    with pytest.raises(TimeoutError):
        connect(server.url, clock=lambda: next(moments)).put([b"1"])
    assert server.requests == []


def test_slow_sending_leaves_no_time_for_the_answer(connect: Connect, server: Server) -> None:
    moments = iter([0.0, 0.0, ATTEMPT_SECONDS])
    with pytest.raises(TimeoutError):
        connect(server.url, clock=lambda: next(moments)).put([b"1"])


def test_an_answer_that_is_not_json_is_an_error_and_ends_the_connection(
    connect: Connect, server: Server
) -> None:
    stream = connect(server.url)
    server.planned = [NOT_JSON]
    with pytest.raises(ValueError, match="Expecting value"):
        stream.put([b"1"])
    assert stream.put([b"2"]) == ACCEPTED
    assert len(server.connections) == 2


def test_without_a_server_the_call_fails(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        connect(f"http://127.0.0.1:{port}").put([b"1"])


def test_a_server_with_an_unknown_certificate_gets_no_records(connect: Connect, tmp_path: Path) -> None:
    with Server(certificate(tmp_path)).running() as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(server.url).put([b"1"])
        assert server.requests == []
