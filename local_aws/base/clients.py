"""boto3 clients for local AWS, and the environment that points other clients at it."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

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


def client_environment(url: str, region: str) -> dict[str, str]:
    """Return the environment variables that point any AWS client at local AWS."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
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
    """

    def __init__(self, url: str, region: str) -> None:
        self.url = url
        self.region = region
        self._session = boto3.Session(
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=region
        )
        self._clients: dict[str, Any] = {}

    def get(self, service: str) -> Any:
        """Return the client of `service`, such as ``"s3"``."""
        with _CREATION:
            if service not in self._clients:
                # boto3's overloads need a literal service name; here it is a variable.
                self._clients[service] = self._session.client(
                    service,  # type: ignore[call-overload]
                    endpoint_url=self.url,
                    config=_CONFIG,
                )
            return self._clients[service]

    def close(self) -> None:
        """Close the connections of every client."""
        with _CREATION:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
