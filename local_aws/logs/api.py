"""Adapter: moto's CloudWatch Logs with a limit, because moto keeps every event in memory."""

from __future__ import annotations

from typing import Any

import moto.logs.models
from moto.logs.models import LogGroup

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


def install() -> None:
    """Make moto create bounded groups."""
    moto.logs.models.LogGroup = BoundedLogGroup
