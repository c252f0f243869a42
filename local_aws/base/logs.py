"""Ships the output of child processes to CloudWatch Logs, in the background and in batches."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

LOGGER = logging.getLogger(__name__)
INTERVAL_SECONDS = 0.1
LARGEST_BATCH = 1000  # events; PutLogEvents takes at most 10,000 and 1 MB
# Only loopback is called: no proxy, and no long wait when the server has gone.
CLIENT_CONFIG = Config(proxies={}, connect_timeout=2, read_timeout=60, retries={"total_max_attempts": 2})


class LogShipper:
    """Takes lines at once, delivers them within a fraction of a second.

    Parameters
    ----------
    environment : Mapping[str, str]
        AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of local AWS.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._waiting: list[tuple[str, str, int, str]] = []
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def write(self, group: str, stream: str, message: str) -> None:
        """Queue one event; an empty message is no event, as in CloudWatch."""
        if not message:
            return
        with self._lock:
            self._waiting.append((group, stream, time.time_ns() // 1_000_000, message))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-shipper", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Deliver what is waiting and end."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        client = boto3.session.Session().client(
            "logs",
            endpoint_url=self._environment["AWS_ENDPOINT_URL"],
            region_name=self._environment["AWS_REGION"],
            aws_access_key_id=self._environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._environment["AWS_SECRET_ACCESS_KEY"],
            config=CLIENT_CONFIG,
        )
        last = False
        while not last:
            last = self._closing.wait(INTERVAL_SECONDS)
            with self._lock:
                waiting, self._waiting = self._waiting, []
            streams: dict[tuple[str, str], list[tuple[int, str]]] = {}
            for group, stream, timestamp, message in waiting:
                streams.setdefault((group, stream), []).append((timestamp, message))
            for (group, stream), events in streams.items():
                try:
                    self._deliver(client, group, stream, events)
                except (BotoCoreError, ClientError) as error:
                    LOGGER.warning("%d log events of %s were not delivered: %s", len(events), group, error)

    def _deliver(
        self, client: "CloudWatchLogsClient", group: str, stream: str, events: list[tuple[int, str]]
    ) -> None:
        if (group, stream) not in self._known:
            with suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_group(logGroupName=group)
            with suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_stream(logGroupName=group, logStreamName=stream)
            self._known.add((group, stream))
        for start in range(0, len(events), LARGEST_BATCH):
            client.put_log_events(
                logGroupName=group,
                logStreamName=stream,
                logEvents=[{"timestamp": t, "message": m} for t, m in events[start : start + LARGEST_BATCH]],
            )
