"""Adapter: moto's CloudWatch, which stores alarms, with our metrics and the evaluation of alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from moto.cloudwatch import urls
from moto.cloudwatch.exceptions import ResourceNotFound, ValidationError
from moto.cloudwatch.models import Alarm, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.sqs.models import sqs_backends

from local_aws.alarms.alarms import Alarms, StoredAlarm
from local_aws.alarms.evaluation import INSUFFICIENT_DATA, Condition, UnsupportedAlarmError
from local_aws.base.clients import ACCOUNT
from local_aws.base.clock import now
from local_aws.base.metrics import Metrics, Series

_MOST_DATAPOINTS = 1440


class LocalCloudWatch(CloudWatchResponse):  # type: ignore[misc]
    """moto's actions on alarms and dashboards, with metrics that alarms are evaluated from."""

    alarms: ClassVar[Alarms]
    metrics: ClassVar[Metrics]

    def put_metric_alarm(self) -> ActionResult:
        """Create an alarm, or change one, which then keeps its state."""
        request = self._get_params()
        try:
            condition = Condition.of(request)
        except UnsupportedAlarmError as error:
            raise ValidationError(str(error)) from error
        for member in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            for action in request.get(member) or []:
                if not action.startswith("arn:aws:sns:"):
                    raise ValidationError(f"Local AWS only runs actions of SNS topics, and not {action}.")
        known = self.cloudwatch_backend.alarms.get(request["AlarmName"])
        super().put_metric_alarm()
        alarm = self.cloudwatch_backend.alarms[request["AlarmName"]]
        alarm.condition = condition
        alarm.state_value = known.state_value if known else INSUFFICIENT_DATA
        if known:
            alarm.state_reason = known.state_reason
            alarm.state_updated_timestamp = known.state_updated_timestamp
        return EmptyResult()

    def describe_alarms(self) -> ActionResult:
        """List alarms; moto would ignore the state if names are given, too."""
        answer = super().describe_alarms()
        if state := self._get_param("StateValue"):
            for kind in ("MetricAlarms", "CompositeAlarms"):
                answer.result[kind] = [each for each in answer.result[kind] if each.state_value == state]
        return answer

    def set_alarm_state(self) -> ActionResult:
        """Set the state of an alarm until its next evaluation."""
        name, state = self._get_param("AlarmName"), self._get_param("StateValue")
        alarm = self.cloudwatch_backend.alarms.get(name)
        if alarm is None:
            raise ResourceNotFound(f"There is no alarm {name}.")
        if state not in ("OK", "ALARM", INSUFFICIENT_DATA):
            raise ValidationError(f"{state} is not a state of an alarm.")
        self.alarms.change(alarm, state, self._get_param("StateReason"), now())
        return EmptyResult()

    def put_metric_data(self) -> ActionResult:
        """Record the values of metrics."""
        request = self._get_params()
        for datum in request.get("MetricData") or []:
            if "StatisticValues" in datum:
                raise ValidationError("Local AWS does not record StatisticValues; send Value or Values.")
            values = [float(each) for each in datum.get("Values") or [datum.get("Value", 0.0)]]
            counts = [int(float(each)) for each in datum.get("Counts") or [1] * len(values)]
            for value, count in zip(values, counts, strict=True):
                for _ in range(count):
                    self.metrics.record(
                        request["Namespace"],
                        {datum["MetricName"]: value},
                        _dimensions(datum),
                        datum.get("Timestamp"),
                    )
        return EmptyResult()

    def get_metric_statistics(self) -> ActionResult:
        """Return the statistics of a metric."""
        request = self._get_params()
        names = [*(request.get("Statistics") or []), *(request.get("ExtendedStatistics") or [])]
        period = timedelta(seconds=int(request["Period"]))
        start, end = request["StartTime"], request["EndTime"]
        if not names or (end - start) / period > _MOST_DATAPOINTS:
            raise ValidationError(f"Ask for statistics, and for at most {_MOST_DATAPOINTS} periods.")
        series = Series(request["Namespace"], request["MetricName"], frozenset(_dimensions(request)))
        datapoints = []
        while start < end:
            found = self.metrics.summary(series, start, start + period)
            if found is not None:
                values = {name: found.statistic(name) for name in names}
                extended = {name: value for name, value in values.items() if name.startswith("p")}
                datapoints.append({"Timestamp": start, **values, "ExtendedStatistics": extended})
            start += period
        return ActionResult({"Label": request["MetricName"], "Datapoints": datapoints})

    def list_metrics(self) -> ActionResult:
        """List the metrics that have values."""
        wanted = {name: self._get_param(name) for name in ("Namespace", "MetricName")}
        found = [
            {
                "Namespace": each.namespace,
                "MetricName": each.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(each.dimensions)],
            }
            for each in self.metrics.series()
            if wanted["Namespace"] in (None, each.namespace) and wanted["MetricName"] in (None, each.name)
        ]
        return ActionResult({"Metrics": found})

    def get_metric_data(self) -> ActionResult:
        """Reject the request: local AWS has no metric math."""
        raise ValidationError("Local AWS does not implement GetMetricData; use GetMetricStatistics.")


def _dimensions(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(each["Name"], each["Value"]) for each in request.get("Dimensions") or []]


def alarms_of(region: str) -> Callable[[], Iterable[StoredAlarm]]:
    """Return a function that lists the alarms of a region."""
    return lambda: list(cloudwatch_backends[ACCOUNT][region].alarms.values())


def queue_lengths(metrics: Metrics, region: str) -> Callable[[datetime], None]:
    """Return a function that records how many messages are in each queue of a region."""

    def record(moment: datetime) -> None:
        for name, queue in list(sqs_backends[ACCOUNT][region].queues.items()):
            length = float(queue.approximate_number_of_messages)
            metrics.record(
                "AWS/SQS", {"ApproximateNumberOfMessagesVisible": length}, [("QueueName", name)], moment
            )

    return record


def install(alarms: Alarms, metrics: Metrics) -> None:
    """Make moto's server use our metrics and alarms; call this before moto's application is created."""
    LocalCloudWatch.alarms, LocalCloudWatch.metrics = alarms, metrics
    # Alarms that Application Auto Scaling makes have no condition and are not evaluated.
    Alarm.condition = None
    for path in urls.url_paths:
        urls.url_paths[path] = LocalCloudWatch.dispatch
