"""Adapter: moto's CloudWatch Logs with a limit, because moto keeps every event in memory."""

from __future__ import annotations

from typing import Any

import moto.logs.models
import moto.logs.urls
from moto.core.responses import ActionResult, EmptyResult
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogGroup
from moto.logs.responses import LogsResponse

MOST_EVENTS = 10_000  # of a group
MOST_STREAMS = 200  # of a group


class BoundedLogGroup(LogGroup):  # type: ignore[misc]
    """A log group that keeps its newest streams and events."""

    def create_log_stream(self, log_stream_name: str) -> None:
        """Create a stream and drop the oldest ones above the limit."""
        super().create_log_stream(log_stream_name)
        for name in list(self.streams)[:-MOST_STREAMS]:
            del self.streams[name]

    def put_log_events(self, log_stream_name: str, log_events: list[dict[str, Any]]) -> str:
        """Add events, and drop the oldest ones above the limit, starting with the least recent streams."""
        token: str = super().put_log_events(log_stream_name, log_events)
        filled = [stream for stream in list(self.streams.values()) if stream.events]
        excess = sum(len(stream.events) for stream in filled) - MOST_EVENTS
        for stream in sorted(filled, key=lambda stream: stream.events[-1].timestamp):
            if excess <= 0:
                break
            dropped = min(excess, len(stream.events))
            del stream.events[:dropped]
            excess -= dropped
        return token


class LocalLogs(LogsResponse):  # type: ignore[misc]
    """moto's actions, and those for the key of a group, which is stored and returned."""

    def associate_kms_key(self) -> ActionResult:
        """Set the key of a group."""
        self._group().kms_key_id = self._get_param("kmsKeyId")
        return EmptyResult()

    def disassociate_kms_key(self) -> ActionResult:
        """Remove the key of a group."""
        self._group().kms_key_id = None
        return EmptyResult()

    def _group(self) -> LogGroup:
        name = self._get_param("logGroupName")
        if name not in self.logs_backend.groups:
            raise ResourceNotFoundException(name)
        return self.logs_backend.groups[name]


def install() -> None:
    """Make moto create bounded groups and answer more actions; call this before making the application."""
    moto.logs.models.LogGroup = BoundedLogGroup
    for path in moto.logs.urls.url_paths:
        moto.logs.urls.url_paths[path] = LocalLogs.dispatch
