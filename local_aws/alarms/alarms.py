"""Evaluates alarms every minute, and sends an event and messages when one changes its state."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.alarms.evaluation import Condition
from local_aws.base.changes import Changes
from local_aws.base.clients import ACCOUNT, Clients
from local_aws.base.clock import now, wait_until
from local_aws.base.metrics import MINUTE, Metrics

# The name of the metrics in the saved state.
PART = "metrics"
LOGGER = logging.getLogger(__name__)
_EVENT = "CloudWatch Alarm State Change"


class StoredAlarm(Protocol):
    """An alarm as moto stores it."""

    name: str
    alarm_arn: str
    description: str
    actions_enabled: bool
    alarm_actions: list[str]
    ok_actions: list[str]
    insufficient_data_actions: list[str]
    state_value: str
    state_reason: str
    state_updated_timestamp: datetime
    # The request that made it; None for alarms of other services, which are not evaluated.
    condition: Condition | None


class Alarms:
    """Evaluates the alarms of one local AWS.

    Parameters
    ----------
    metrics : Metrics
        Their metrics.
    stored : callable
        Returns the alarms.
    sample : callable
        Called before each evaluation, to record metrics that are levels, such as the length of a queue.
    emit : callable
        Puts an event on the default bus; takes the source, the detail type, the resources and the detail.
    clients : callable
        Takes an alarm's ARN and returns the clients with which CloudWatch runs its actions.
    changes : Changes
        The lock.
    region : str
        Region of the alarms.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        stored: Callable[[], Iterable[StoredAlarm]],
        sample: Callable[[datetime], None],
        emit: Callable[[str, str, list[str], Mapping[str, Any]], None],
        clients: Callable[[str], Clients],
        changes: Changes,
        region: str,
    ) -> None:
        self._metrics = metrics
        self._stored = stored
        self._sample = sample
        self._emit = emit
        self._clients = clients
        self._changes = changes
        self._region = region
        self._next = _minute_after(now())
        self._closed = threading.Event()

    def start(self) -> None:
        """Evaluate the alarms every minute in the background."""
        threading.Thread(target=self._run, name="alarms", daemon=True).start()

    def close(self) -> None:
        """Stop evaluating."""
        self._closed.set()

    def states(self, names: Sequence[str]) -> dict[str, str]:
        """Return the states of alarms after all minutes that have ended; unknown names are left out."""
        self._catch_up()
        return {alarm.name: alarm.state_value for alarm in self._stored() if alarm.name in names}

    def change(self, alarm: StoredAlarm, state: str, reason: str, moment: datetime) -> None:
        """Set the state of an alarm; send its event and messages if the state differs."""
        with self._changes:
            before = {
                "value": alarm.state_value,
                "reason": alarm.state_reason,
                "timestamp": _timestamp(alarm.state_updated_timestamp),
            }
            alarm.state_value, alarm.state_reason = state, reason
            alarm.state_updated_timestamp = moment.replace(tzinfo=None)
            self._changes.mark("cloudwatch")
        if before["value"] == state:
            return
        after = {"value": state, "reason": reason, "timestamp": _timestamp(moment)}
        # Not by this thread, which may be answering a request that others wait for.
        threading.Thread(
            target=self._tell, args=(alarm, before, after), name=f"alarm-{alarm.name}", daemon=True
        ).start()

    def _run(self) -> None:
        while not self._closed.is_set():
            wait_until(self._next, self._closed)
            try:
                self._catch_up()
            except Exception:
                # The thread's outermost handler: the next minute tries again.
                LOGGER.exception("Alarms could not be evaluated")

    def _catch_up(self) -> None:
        """Evaluate the alarms at the end of every minute since the last evaluation."""
        if self._next > now():
            return
        with self._changes:
            while self._next <= now() and not self._closed.is_set():
                moment, self._next = self._next, self._next + timedelta(seconds=MINUTE)
                self._sample(moment - timedelta(seconds=1))
                for alarm in list(self._stored()):
                    if alarm.condition is not None:
                        self._evaluate(alarm, alarm.condition, moment)
            # Metrics also come from requests to endpoints, which do not save the state themselves.
            self._changes.mark(PART)

    def _evaluate(self, alarm: StoredAlarm, condition: Condition, moment: datetime) -> None:
        values = []
        for back in reversed(range(condition.periods)):
            end = moment - timedelta(seconds=back * condition.period)
            found = self._metrics.summary(condition.series, end - timedelta(seconds=condition.period), end)
            values.append(None if found is None else found.statistic(condition.statistic))
        state = condition.state(values, alarm.state_value)
        if state != alarm.state_value:
            self.change(alarm, state, _reason(condition, values), moment)

    def _tell(self, alarm: StoredAlarm, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        detail = {
            "alarmName": alarm.name,
            "configuration": {"description": alarm.description, "metrics": _metrics_of(alarm.condition)},
            "previousState": before,
            "state": after,
        }
        self._emit("aws.cloudwatch", _EVENT, [alarm.alarm_arn], detail)
        if not alarm.actions_enabled:
            return
        actions = {"OK": alarm.ok_actions, "ALARM": alarm.alarm_actions}.get(
            after["value"], alarm.insufficient_data_actions
        )
        for topic in actions or []:
            try:
                self._clients(alarm.alarm_arn).get("sns").publish(
                    TopicArn=topic,
                    Subject=f'{after["value"]}: "{alarm.name}" in {self._region}',
                    Message=json.dumps(self._message(alarm, before, after)),
                )
            except (BotoCoreError, ClientError) as error:
                LOGGER.warning("Alarm %s did not reach %s: %s", alarm.name, topic, error)

    def _message(
        self, alarm: StoredAlarm, before: Mapping[str, str], after: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the message that CloudWatch publishes."""
        return {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": ACCOUNT,
            "NewStateValue": after["value"],
            "NewStateReason": after["reason"],
            "StateChangeTime": after["timestamp"],
            "Region": self._region,
            "AlarmArn": alarm.alarm_arn,
            "OldStateValue": before["value"],
        }


def _minute_after(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(seconds=MINUTE)


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _reason(condition: Condition, values: Sequence[float | None]) -> str:
    known = ", ".join("no data" if value is None else f"{value:g}" for value in values[-3:])
    return (
        f"Threshold Crossed: {condition.breaching} of the last {condition.periods} datapoints are compared "
        f"with {condition.comparison} ({condition.threshold:g}); the latest are [{known}]."
    )


def _metrics_of(condition: Condition | None) -> list[dict[str, Any]]:
    if condition is None:
        return []
    metric = {
        "namespace": condition.series.namespace,
        "name": condition.series.name,
        "dimensions": dict(condition.series.dimensions),
    }
    stat = {"metric": metric, "period": condition.period, "stat": condition.statistic}
    return [{"id": "metric", "metricStat": stat, "returnData": True}]
