"""Ships the output of child processes to CloudWatch Logs, in the background and in batches."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.base.clients import Clients

LOGGER = logging.getLogger(__name__)
INTERVAL_SECONDS = 0.1
LARGEST_BATCH = 1000  # events; PutLogEvents accepts up to 10,000 and 1 MB
# A process that writes faster than its lines are delivered waits for its pipe, instead of filling the memory.
MOST_WAITING = 20_000
WAIT_SECONDS = 5.0
LONGEST_MESSAGE = 250_000  # characters; CloudWatch cuts events as well


class LogShipper:
    """Queues log lines and delivers them within a fraction of a second."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[LogStream, int, str]] = queue.Queue(MOST_WAITING)
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def write(self, stream: LogStream, message: str) -> None:
        """Queue one event; CloudWatch has no empty events, so an empty message is dropped."""
        if not message:
            return
        event = (stream, time.time_ns() // 1_000_000, message[:LONGEST_MESSAGE])
        try:
            self._waiting.put(event, timeout=WAIT_SECONDS)
        except queue.Full:
            LOGGER.warning("A log event of %s was dropped: local AWS is too slow to store it", stream.group)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-shipper", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Deliver the queued events and end the thread."""
        self._closing.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run(self) -> None:
        last = False
        while not last:
            last = self._closing.wait(INTERVAL_SECONDS)
            streams: dict[LogStream, list[tuple[int, str]]] = {}
            for _ in range(self._waiting.qsize()):
                stream, timestamp, message = self._waiting.get()
                streams.setdefault(stream, []).append((timestamp, message))
            for stream, events in streams.items():
                try:
                    self._deliver(stream, events)
                except (BotoCoreError, ClientError) as error:
                    LOGGER.warning(
                        "%d log events of %s were not delivered: %s", len(events), stream.group, error
                    )

    def _deliver(self, stream: LogStream, events: list[tuple[int, str]]) -> None:
        client = stream.clients.get("logs")
        name = {"logGroupName": stream.group, "logStreamName": stream.name}
        if (stream.group, stream.name) not in self._known:
            self._create(stream)
            self._known.add((stream.group, stream.name))
        for start in range(0, len(events), LARGEST_BATCH):
            batch = [{"timestamp": t, "message": m} for t, m in events[start : start + LARGEST_BATCH]]
            try:
                client.put_log_events(**name, logEvents=batch)
            except client.exceptions.ResourceNotFoundException:
                # The group has been deleted since, and perhaps created again.
                self._create(stream)
                client.put_log_events(**name, logEvents=batch)

    def _create(self, stream: LogStream) -> None:
        client = stream.clients.get("logs")
        name = {"logGroupName": stream.group, "logStreamName": stream.name}
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            try:
                client.create_log_stream(**name)
            except client.exceptions.ResourceNotFoundException:
                with suppress(client.exceptions.ResourceAlreadyExistsException):
                    client.create_log_group(logGroupName=stream.group)
                client.create_log_stream(**name)


@dataclass(frozen=True)
class LogStream:
    """One log stream in CloudWatch Logs, and the clients with which it is written."""

    shipper: LogShipper
    clients: Clients
    group: str
    name: str

    def write(self, line: str) -> None:
        """Queue one line."""
        self.shipper.write(self, line)
