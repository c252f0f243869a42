"""Clients that call local AWS with the credentials of a role, a service or a caller."""

from __future__ import annotations

import threading
from collections.abc import Callable

from local_aws.base.clients import ROOT, Clients, Credentials, client_environment


class AssumeRoleError(RuntimeError):
    """A role that a service cannot assume; the message is the one of SageMaker."""


class Sessions:
    """Clients by their credentials, created on first use and shared.

    Parameters
    ----------
    url, region : str
        Local AWS.
    assume : callable
        Takes a role's ARN and a service; returns credentials of the role, or raises AssumeRoleError.
    """

    def __init__(self, url: str, region: str, assume: Callable[[str, str], Credentials]) -> None:
        self.url = url
        self.region = region
        self._assume = assume
        self._clients: dict[Credentials, Clients] = {}
        self._lock = threading.Lock()

    def of_role(self, role_arn: str, service: str) -> Clients:
        """Return clients with the permissions of a role that a service assumes.

        Parameters
        ----------
        service
            Principal of the service, such as ``sagemaker.amazonaws.com``.

        Raises
        ------
        AssumeRoleError
            If the service cannot assume the role.
        """
        return self.of(self._assume(role_arn, service))

    def environment(self, role_arn: str, service: str) -> dict[str, str]:
        """Return the environment variables of a process with the permissions of a role.

        Raises
        ------
        AssumeRoleError
            If the service cannot assume the role.
        """
        return client_environment(self.url, self.region, self._assume(role_arn, service))

    def of(self, credentials: Credentials = ROOT) -> Clients:
        """Return clients with these credentials; by default those of the account's root user."""
        with self._lock:
            if credentials not in self._clients:
                self._clients[credentials] = Clients(self.url, self.region, credentials)
            return self._clients[credentials]

    def clear(self) -> None:
        """Close all clients but those of the root user, because the other credentials have become invalid."""
        with self._lock:
            for credentials in [each for each in self._clients if each != ROOT]:
                self._clients.pop(credentials).close()

    def close(self) -> None:
        """Close all clients."""
        self.clear()
        self.of().close()
