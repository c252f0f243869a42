"""boto3 clients for local AWS, and the environment that points other clients at it."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from local_aws.base.changes import HEADER, held_token

ACCOUNT = "123456789012"
ACCESS_KEY = "testing"
SECRET_KEY = "testing"  # noqa: S105 - local AWS accepts any credentials; these are the documented ones

_CONFIG = Config(
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=32,
    read_timeout=120,
    proxies={},
    # Local S3 needs no checksum trailer; without one, boto3 sends the body unchanged.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# boto3 clients can be shared between threads, but creating them is not thread-safe.
_CREATION = threading.Lock()


@dataclass(frozen=True)
class Credentials:
    """The credentials of a caller."""

    access_key: str
    secret_key: str
    token: str | None = None


# The credentials of the account's root user.
ROOT = Credentials(ACCESS_KEY, SECRET_KEY)


def client_environment(url: str, region: str, credentials: Credentials = ROOT) -> dict[str, str]:
    """Return the environment variables that point any AWS client at local AWS."""
    token = {"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        **token,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
    }


class Clients:
    """Clients for one local AWS, created on first use and shared between threads.

    Parameters
    ----------
    url : str
        The address of local AWS.
    region : str
        Region of every client.
    credentials : Credentials
        Credentials of every client.
    """

    def __init__(self, url: str, region: str, credentials: Credentials = ROOT) -> None:
        self.url = url
        self.region = region
        self._credentials = credentials
        self._clients: dict[str, Any] = {}

    def get(self, service: str) -> Any:
        """Return the client of `service`, such as ``"s3"``."""
        with _CREATION:
            if service not in self._clients:
                # boto3's overloads need a literal service name; here it is a variable.
                client = self._clients[service] = _session().client(
                    service,  # type: ignore[call-overload]
                    region_name=self.region,
                    endpoint_url=self.url,
                    aws_access_key_id=self._credentials.access_key,
                    aws_secret_access_key=self._credentials.secret_key,
                    aws_session_token=self._credentials.token,
                    config=_CONFIG,
                )
                client.meta.events.register("before-call", _join_unit)
            return self._clients[service]

    def close(self) -> None:
        """Close the connections of every client."""
        with _CREATION:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


def _join_unit(params: dict[str, Any], **_: Any) -> None:
    """Let a call of a thread that holds the lock of local AWS be answered under that lock."""
    token = held_token()
    if token is not None:
        params["headers"][HEADER] = token


@functools.cache
def _session() -> boto3.Session:
    """Return the session of all clients, so that they share the models of the services."""
    return boto3.Session()
