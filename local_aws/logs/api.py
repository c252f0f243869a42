"""Adapter: moto's CloudWatch Logs with a limit, because moto keeps every event in memory."""

from __future__ import annotations

from typing import Any

import moto.logs.models
from moto.logs.models import LogGroup, LogStream

MOST_EVENTS = 10_000  # of a stream
MOST_STREAMS = 200  # of a group


class BoundedLogStream(LogStream):  # type: ignore[misc]
    """A log stream that keeps its newest events."""

    def put_log_events(self, log_events: list[dict[str, Any]]) -> str:
        """Add events and drop the oldest ones above the limit."""
        token: str = super().put_log_events(log_events)
        del self.events[:-MOST_EVENTS]
        return token


class BoundedLogGroup(LogGroup):  # type: ignore[misc]
    """A log group that keeps its newest streams."""

    def create_log_stream(self, log_stream_name: str) -> None:
        """Create a stream and drop the oldest ones above the limit."""
        super().create_log_stream(log_stream_name)
        for name in list(self.streams)[:-MOST_STREAMS]:
            del self.streams[name]


def install() -> None:
    """Make moto create bounded groups and streams."""
    moto.logs.models.LogStream = BoundedLogStream
    moto.logs.models.LogGroup = BoundedLogGroup
