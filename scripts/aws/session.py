"""Connects to the AWS account, or the local AWS, that a command works in."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scripts.errors import ScriptError, UsageError

if TYPE_CHECKING:
    import boto3

    from pipeline.project import Project

LOCAL_PORT = 4600
LOCAL_REGION = "eu-west-1"


class ConnectionFailedError(ScriptError):
    """There are no credentials, there is no region, or AWS does not answer."""

    code = "not_connected"


@dataclass(frozen=True)
class Aws:
    """A boto3 session, and the names of the project's resources in its account and region.

    Threads can share it: boto3's clients can be used by several threads, but its sessions cannot.
    """

    session: boto3.Session
    project: Project
    _clients: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def client(self, service: str, **settings: Any) -> Any:
        """Return the boto3 client of a service with these settings; it is made once."""
        make: Any = self.session.client  # boto3-stubs types it as one overload per service
        key = (service, *sorted(settings.items()))
        with self._lock:
            if key not in self._clients:
                self._clients[key] = make(service, **settings)
            return self._clients[key]

    def list_all(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield the items below `key` of every page of a list operation."""
        for page in self.client(service).get_paginator(operation).paginate(**request):
            yield from page.get(key, [])

    @cached_property
    def local_url(self) -> str | None:
        """The address of local AWS; None on real AWS."""
        url = self.client("sts").meta.endpoint_url
        return url.rstrip("/") if _is_loopback(url) else None

    @property
    def is_local(self) -> bool:
        """Whether calls go to local AWS."""
        return self.local_url is not None

    @property
    def poll_seconds(self) -> float:
        """How long to wait before asking again whether something has finished."""
        return 0.1 if self.is_local else 10.0


def connect(
    project: str, *, local: bool = False, region: str | None = None, profile: str | None = None
) -> Aws:
    """Look up credentials, region and account.

    Parameters
    ----------
    profile
        A profile of the AWS configuration; by default that of AWS_PROFILE, or the credentials that are set.

    Raises
    ------
    UsageError
        If the project's name, the region or AWS_ENDPOINT_URL is malformed, or there is no such profile.
    ConnectionFailedError
        If credentials or the region are missing, or AWS does not answer.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ProfileNotFound

    from pipeline.project import Project

    url = _given_url()
    if local:
        if url:
            use_local_aws(url, region)
        else:  # AWS_DEFAULT_REGION is then that of real AWS
            use_local_aws(_default_url(), region or LOCAL_REGION)
    elif url and _is_loopback(url):
        os.environ["NO_PROXY"] = _no_proxy()
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except ProfileNotFound as error:
        raise UsageError(f"{error}.", "`aws configure list-profiles` lists them.") from error
    if session.region_name is None:
        raise ConnectionFailedError(
            "No AWS region is set.",
            "Pass --region, or set AWS_DEFAULT_REGION, for example to eu-west-1. "
            "To work on this machine, pass --local.",
        )
    sts = session.client("sts")
    try:
        account = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        url = sts.meta.endpoint_url
        if _is_loopback(url):
            if isinstance(error, ClientError):
                raise ConnectionFailedError(error.response["Error"]["Message"]) from error
            # The text of a connection error only repeats the address.
            reason = "" if isinstance(error, EndpointConnectionError) else f": {error}".rstrip(".")
            raise no_local_aws(url, reason) from error
        raise ConnectionFailedError(
            f"AWS did not return the account: {error}.",
            "Sign in with `aws configure sso`, or set AWS_PROFILE. To work on this machine, pass --local.",
        ) from error
    try:
        return Aws(session, Project(project, account, session.region_name))
    except ValueError as error:
        raise UsageError(str(error)) from error


def local_address() -> str:
    """Return the address of local AWS: AWS_ENDPOINT_URL if it is set, otherwise the default port.

    Raises
    ------
    UsageError
        If AWS_ENDPOINT_URL is no address on this machine.
    """
    url = _given_url() or _default_url()
    if not _is_loopback(url):
        raise UsageError(
            f"AWS_ENDPOINT_URL is {url}, which is not on this machine.",
            "Unset it, or set it to the address that `bankruptcy local start` shows.",
        )
    return url.rstrip("/")


def no_local_aws(url: str, reason: str = "") -> ConnectionFailedError:
    """Return the error for a local AWS that does not answer."""
    return ConnectionFailedError(
        f"Local AWS does not answer at {url}{reason}.",
        "Start it with `bankruptcy local start` in another terminal.",
    )


def use_local_aws(url: str, region: str | None = None) -> None:
    """Point this process and its children at local AWS."""
    os.environ.update(local_environment(url, region or os.environ.get("AWS_DEFAULT_REGION", LOCAL_REGION)))
    os.environ.pop("AWS_PROFILE", None)


def local_environment(url: str, region: str = LOCAL_REGION) -> dict[str, str]:
    """Return the environment variables with which AWS clients use local AWS."""
    from urllib.request import getproxies

    credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    variables = {"AWS_ENDPOINT_URL": url, **credentials, "AWS_DEFAULT_REGION": region}
    # AWS clients send even requests to this machine through a proxy.
    has_proxy = bool(getproxies().keys() - {"no"})
    return {**variables, "NO_PROXY": _no_proxy()} if has_proxy else variables


def _default_url() -> str:
    return f"http://127.0.0.1:{LOCAL_PORT}"


def _given_url() -> str | None:
    """Return AWS_ENDPOINT_URL if it is set, and check that it is a URL."""
    url = os.environ.get("AWS_ENDPOINT_URL")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid address or port
        is_url = False
    if not is_url or re.search(r"\s", url):
        raise UsageError(
            f"AWS_ENDPOINT_URL is {url!r}; it must be a URL like http://127.0.0.1:{LOCAL_PORT}.",
            "Correct the variable, or unset it.",
        )
    return url


def _no_proxy() -> str:
    """Return the value of NO_PROXY with this machine added."""
    present = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    hosts = [host for host in present.split(",") if host]
    return ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost"]))


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "::1", "localhost"}
