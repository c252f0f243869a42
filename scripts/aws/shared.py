"""A connection that the threads of one process share."""

import threading
from dataclasses import dataclass, field
from typing import Any

from scripts.aws.session import Aws


@dataclass(frozen=True)
class SharedAws(Aws):
    """A connection for several threads, which makes each client once.

    boto3's clients can be used by several threads, but its sessions cannot.
    """

    _clients: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def client(self, service: str, **settings: Any) -> Any:
        """Return the client of a service with these settings."""
        key = (service, *sorted(settings.items()))
        with self._lock:
            if key not in self._clients:
                self._clients[key] = super().client(service, **settings)
            return self._clients[key]


def shared(aws: Aws) -> SharedAws:
    """Return a connection to the same project that several threads can use."""
    return SharedAws(aws.session, aws.project)
