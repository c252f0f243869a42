"""Buffers the records of delivery streams, and delivers them to S3 as objects."""

from __future__ import annotations

import gzip
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.iam.sessions import AssumeRoleError, Sessions

logger = logging.getLogger(__name__)

# The name of the buffers in the saved state.
PART = "firehose buffers"

SERVICE = "firehose.amazonaws.com"
# What a stream accepts in a second, in the regions with the higher quota.
BYTES_PER_SECOND = 5 * 1024 * 1024
_RETRY_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.5
_DEFAULT_SECONDS, _DEFAULT_MEBIBYTES = 300, 5
_TIMESTAMP = re.compile(r"!\{timestamp:([^}]*)\}")
# The patterns of Java's DateTimeFormatter that prefixes use.
_PATTERNS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}


@dataclass
class _Buffer:
    """The records of a stream that are not delivered yet."""

    destination: Mapping[str, Any]
    since: float
    arrived: datetime
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    not_before: float = 0.0


# The destination of a stream, when its oldest record arrived, and its records.
Saved = tuple[Mapping[str, Any], datetime, tuple[bytes, ...]]


class Streams:
    """Accepts records and delivers them, at least once.

    Parameters
    ----------
    sessions : Sessions
        Clients with the permissions of a stream's role.
    clock, now : callable, optional
        Monotonic seconds, and the time for prefixes; tests pass their own.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._now = now
        self._buffers: dict[str, _Buffer] = {}
        self._accepted: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="firehose", daemon=True).start()

    def put(self, stream: str, destination: Mapping[str, Any], records: Sequence[bytes]) -> list[bool]:
        """Buffer records.

        Parameters
        ----------
        stream
            Name of the stream.
        destination
            Its S3 destination, in the members of the API.
        records
            Their data.

        Returns
        -------
        list of bool
            For each record, whether it was accepted; False above the stream's quota.
        """
        with self._lock:
            accepted = self._within_quota(stream, records)
            taken = [data for data, is_taken in zip(records, accepted, strict=True) if is_taken]
            if taken:
                if stream not in self._buffers:
                    self._buffers[stream] = _Buffer(destination, self._clock(), self._now())
                buffer = self._buffers[stream]
                buffer.destination = destination
                buffer.records += taken
                buffer.size += sum(map(len, taken))
        return accepted

    def deliver_due(self) -> None:
        """Deliver the buffers that are full or old enough."""
        now = self._clock()
        with self._lock:
            due = [name for name, each in self._buffers.items() if _is_due(each, now)]
        for name in due:
            self.deliver(name)

    def deliver(self, stream: str) -> None:
        """Deliver a stream's buffer now; if that fails, it is tried again later."""
        with self._lock:
            buffer = self._buffers.pop(stream, None)
        if buffer is None:
            return
        try:
            self._write(stream, buffer)
        except (AssumeRoleError, BotoCoreError, ClientError) as error:
            logger.warning("Firehose could not deliver the records of %s: %s", stream, error)
            self._return(stream, buffer)

    def reset(self) -> None:
        """Drop all buffers."""
        with self._lock:
            self._buffers.clear()
            self._accepted.clear()

    def read(self) -> dict[str, Saved]:
        """Return the buffers, to save them."""
        with self._lock:
            return {
                name: (each.destination, each.arrived, tuple(each.records))
                for name, each in self._buffers.items()
            }

    def restore(self, saved: Mapping[str, Saved]) -> None:
        """Replace the buffers by saved ones; the time until their delivery starts again."""
        with self._lock:
            self._buffers = {
                name: _Buffer(destination, self._clock(), arrived, list(records), sum(map(len, records)))
                for name, (destination, arrived, records) in saved.items()
            }

    def close(self) -> None:
        """Deliver all buffers and stop."""
        self._closing.set()
        for name in list(self._buffers):
            self.deliver(name)

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_SECONDS):
            self.deliver_due()

    def _within_quota(self, stream: str, records: Sequence[bytes]) -> list[bool]:
        second, used = self._accepted.get(stream, (0.0, 0))
        now = self._clock()
        if now - second >= 1:
            second, used = now, 0
        accepted = []
        for data in records:
            fits = used + len(data) <= BYTES_PER_SECOND
            used += len(data) if fits else 0
            accepted.append(fits)
        self._accepted[stream] = (second, used)
        return accepted

    def _write(self, stream: str, buffer: _Buffer) -> None:
        destination = buffer.destination
        is_compressed = destination.get("CompressionFormat") == "GZIP"
        body = b"".join(buffer.records)
        name = f"{stream}-1-{buffer.arrived:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}"
        clients = self._sessions.of_role(str(destination["RoleARN"]), SERVICE)
        clients.get("s3").put_object(
            Bucket=str(destination["BucketARN"]).rpartition(":")[2],
            Key=_prefix(str(destination.get("Prefix", "")), buffer.arrived)
            + name
            + (".gz" if is_compressed else ""),
            Body=gzip.compress(body, mtime=0) if is_compressed else body,
        )

    def _return(self, stream: str, buffer: _Buffer) -> None:
        """Put undelivered records back, before those that came since."""
        with self._lock:
            newer = self._buffers.get(stream)
            if newer is not None:
                buffer.records += newer.records
                buffer.size += newer.size
            buffer.not_before = self._clock() + _RETRY_SECONDS
            self._buffers[stream] = buffer


def _is_due(buffer: _Buffer, now: float) -> bool:
    hints = buffer.destination.get("BufferingHints", {})
    seconds = float(hints.get("IntervalInSeconds", _DEFAULT_SECONDS))
    most = float(hints.get("SizeInMBs", _DEFAULT_MEBIBYTES)) * 1024 * 1024
    is_full = buffer.size >= most or now - buffer.since >= seconds
    return is_full and now >= buffer.not_before


def _prefix(prefix: str, moment: datetime) -> str:
    """Return a prefix with its timestamps filled in; without any, Firehose adds the hour in UTC."""
    if "!{" not in prefix:
        return f"{prefix}{moment:%Y/%m/%d/%H/}"
    return _TIMESTAMP.sub(lambda match: moment.strftime(_strftime(match[1])), prefix)


def _strftime(pattern: str) -> str:
    for java, python in _PATTERNS.items():
        pattern = pattern.replace(java, python)
    return pattern
