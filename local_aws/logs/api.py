"""Adapter: moto's CloudWatch Logs with metric filters, and with a limit, because all events are in memory."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import moto.logs.models
import moto.logs.urls
from moto.core.responses import ActionResult, EmptyResult
from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.models import LogGroup, logs_backends
from moto.logs.responses import LogsResponse

from local_aws.base.metrics import Metrics
from local_aws.logs.filters import UnsupportedPatternError, parse

MOST_EVENTS = 10_000  # of a group
MOST_STREAMS = 200  # of a group
_NUMBER = re.compile(r"\d+(\.\d+)?")


class BoundedLogGroup(LogGroup):  # type: ignore[misc]
    """A log group that keeps its newest streams and events, and counts those that metric filters match."""

    metrics: ClassVar[Metrics]

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
        self._count(log_events)
        return token

    def _count(self, log_events: list[dict[str, Any]]) -> None:
        filters = logs_backends[self.account_id][self.region].filters
        for each in filters.get_matching_filters(log_group_name=self.name):
            matches = parse(each["filterPattern"])
            [metric] = each["metricTransformations"]
            value = {metric["metricName"]: float(metric["metricValue"])}
            for event in log_events:
                if matches(event["message"]):
                    self.metrics.record(metric["metricNamespace"], value, [])


class LocalLogs(LogsResponse):  # type: ignore[misc]
    """moto's actions, metric filters, and actions for the key of a group, which is stored and returned."""

    def put_metric_filter(self) -> ActionResult:
        """Create a metric filter, or replace the one of this name; moto would keep both."""
        group, name = self._group().name, self._get_param("filterName")
        try:
            parse(self._get_param("filterPattern"))
        except UnsupportedPatternError as error:
            raise InvalidParameterException(str(error)) from error
        [metric] = self._get_param("metricTransformations")
        if {"defaultValue", "dimensions"} & set(metric) or not _NUMBER.fullmatch(metric["metricValue"]):
            raise InvalidParameterException(
                f"Local AWS only counts in metric filters: {metric['metricName']} needs a number as its "
                "metricValue, and no defaultValue or dimensions."
            )
        self.logs_backend.delete_metric_filter(name, group)
        super().put_metric_filter()
        return EmptyResult()

    def delete_metric_filter(self) -> ActionResult:
        """Delete a metric filter, if its group exists."""
        self._group()
        super().delete_metric_filter()
        return EmptyResult()

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


def install(metrics: Metrics) -> None:
    """Make moto create bounded groups and answer more actions; call this before making the application.

    Parameters
    ----------
    metrics : Metrics
        Where metric filters count.
    """
    BoundedLogGroup.metrics = metrics
    moto.logs.models.LogGroup = BoundedLogGroup
    for path in moto.logs.urls.url_paths:
        moto.logs.urls.url_paths[path] = LocalLogs.dispatch
