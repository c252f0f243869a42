"""A local AWS in a process of its own that stands for an account."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from support.local_aws.environment import point_at
from support.repository import ROOT

from local_aws.front import Front
from local_aws.server import LocalAws
from scripts.aws.session import LOCAL_REGION, Aws

# Commands do not recognise this machine by this name. It is resolved without a name server.
HOST = "account.localhost"
PROFILE = "account"
USER = "Credential=testing/"
API = re.compile(r"https://(\w+)\.execute-api\.[\w-]+\.amazonaws\.com/prod")
# Resets local AWS for each line that it reads, and ends with them.
PROGRAM = """
import sys
from local_aws.server import LocalAws
with LocalAws() as aws:
    print(aws.url, flush=True)
    for _ in sys.stdin:
        aws.reset()
        print("reset", flush=True)
"""


class Account:
    """The account, with the members of `LocalAws` that tests use.

    Attributes
    ----------
    url
        Its address on this machine, for the clients of tests themselves.
    """

    region = LOCAL_REGION

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._config = folder / "config"
        self.url = self._answer()
        lines = [
            f"[profile {PROFILE}]",
            f"endpoint_url = {self.url.replace('127.0.0.1', HOST)}",
            f"region = {self.region}",
            "aws_access_key_id = testing",
            "aws_secret_access_key = testing",
            "s3 =",
            "  addressing_style = path",
        ]
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which AWS clients use the account."""
        return {"AWS_PROFILE": PROFILE, "AWS_CONFIG_FILE": str(self._config)}

    def reset(self) -> None:
        """Delete everything in it."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._answer() == "reset"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def local_text(server: LocalAws | Account, text: str) -> str:
    """Return a text with the addresses of APIs in an account as they are on this machine."""
    return API.sub(rf"{server.url}/restapis/\1/prod/_user_request_", text)


@contextmanager
def running_account(folder: Path) -> Iterator[Account]:
    """Run the account while the block runs."""
    # moto takes the first part of other names for a bucket.
    environment = {**os.environ, "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Account(process, folder)
        finally:
            process.communicate()


@contextmanager
def only_account(account: Account) -> Iterator[None]:
    """Let this process reach the account by its names, and check that it leaves its own local AWS alone."""
    resolve, send, answer = socket.getaddrinfo, urllib3.PoolManager.request, Front.__call__
    seen: list[str] = []

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == HOST else host, *arguments, **options)

    def request(pool: Any, method: str, url: str, **options: Any) -> Any:
        return send(pool, method, local_text(account, url), **options)

    def call(front: Front, environ: dict[str, Any], start_response: Any) -> Any:
        # Jobs and functions of earlier tests, which have other credentials, can still end.
        if "Credential=" not in (signed := environ.get("HTTP_AUTHORIZATION", "")) or USER in signed:
            seen.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return answer(front, environ, start_response)

    with pytest.MonkeyPatch.context() as patch:
        point_at(account, patch)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep the profile that it saw first
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        patch.setattr(urllib3.PoolManager, "request", request)
        patch.setattr(Front, "__call__", call)
        patch.setattr(Aws, "poll_seconds", 0.1)  # as on local AWS
        yield
    assert seen == []
