"""Serves the console on 127.0.0.1."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from scripts.aws.session import Aws, ConnectionFailedError
from scripts.console.app import Console
from scripts.console.guard import Guard
from scripts.console.site import Commands, Site

ADDRESS = "127.0.0.1"
# The services that the pages read. Making a client takes longer than a page, so all are made at the start.
_SERVICES = ("apigateway", "cloudformation", "cloudwatch", "logs", "s3", "sagemaker", "sqs", "ssm")


class _Server(ThreadedWSGIServer):  # type: ignore[misc]
    daemon_threads = True


class _Handler(WSGIRequestHandler):  # type: ignore[misc]
    """Logs no requests: an address can contain the token."""

    def log_request(self, *_: Any, **__: Any) -> None:
        """Log nothing."""

    def version_string(self) -> str:
        """Return the name of the server without versions."""
        return "bankruptcy"


def is_free(port: int) -> bool:
    """Return whether no program listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) != 0


@contextmanager
def serving(aws: Aws, port: int, commands: Commands, *, read_only: bool) -> Iterator[str]:
    """Serve the console while the block runs, and yield the address that opens it, which works once.

    Raises
    ------
    ConnectionFailedError
        If the port is in use.
    """
    try:
        server = _Server(ADDRESS, port, None, _Handler)
    except (OSError, SystemExit) as error:
        raise ConnectionFailedError(
            f"The port {port} on {ADDRESS} can't be used; another program may use it.",
            "The option --port N uses another port.",
        ) from error
    guard = Guard(server.server_port, read_only=read_only)
    for service in _SERVICES:
        aws.client(service)
    # The first question about pages makes boto3 search its folders.
    aws.client("s3").can_paginate("list_objects_v2")
    site = Site(aws, guard, commands, read_only=read_only)
    server.app = Console(site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield guard.entry_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        site.background.close()
