"""The console's server: loopback only, and an error for a port in use."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import urllib3
from support.console import COMMANDS

from pipeline.project import Project
from scripts.aws.session import Aws, ConnectionFailedError
from scripts.console.server import serving


@pytest.fixture
def aws() -> Aws:
    meta = SimpleNamespace(endpoint_url="https://sts.amazonaws.com")
    client = SimpleNamespace(meta=meta, can_paginate=lambda _: True)
    session = SimpleNamespace(client=lambda *_, **__: client)
    return Aws(cast("Any", session), Project("bankruptcy", "123456789012", "eu-west-1"))


def test_it_answers_on_loopback_until_it_ends(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(aws, 0, COMMANDS, read_only=False) as url:
        host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
        assert host == "127.0.0.1"
        with pytest.raises(HTTPError, match="403"):
            urlopen(f"http://{host}:{port}/executions?secret", timeout=5)
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    # Requests are not logged, because an address can hold the token.
    assert "secret" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("size", [100_000, 12_000_000])
def test_a_form_that_is_too_large_is_answered_wherever_its_limit_was_exceeded(aws: Aws, size: int) -> None:
    # The longer form is refused by its announced length, and the other one in the middle of its field.
    body = b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"x" * size + b"\r\n--B--\r\n"
    with serving(aws, 0, COMMANDS, read_only=False) as url, urllib3.PoolManager(retries=False) as pool:
        base = url.partition("/enter")[0]
        cookie = pool.request("GET", url, redirect=False).headers["Set-Cookie"].partition(";")[0]
        kind = "multipart/form-data; boundary=B"
        headers = {"Cookie": cookie, "Origin": base, "Content-Type": kind}
        answer = pool.request("POST", f"{base}/service/pause", body=body, headers=headers, timeout=20)
    assert answer.status == 413
    assert "A form can have at most 65,536 bytes" in answer.data.decode()


def test_a_port_in_use_is_explained(aws: Aws) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(ConnectionFailedError, match=f"The port {port} on 127.0.0.1 can't be used"),
            serving(aws, port, COMMANDS, read_only=False),
        ):
            pass
