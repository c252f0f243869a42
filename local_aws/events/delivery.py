"""Delivers events of AWS services and PutEvents to the targets of matching rules, at least once.

moto stores rules and matches patterns, but it does not deliver to Lambda, and it delivers to the targets of
disabled and schedule-only rules.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.base.changes import Changes, Pending
from local_aws.base.clients import ACCOUNT, Clients
from local_aws.base.documents import PathError, follow
from local_aws.base.ids import queue_url
from local_aws.events.schedules import Schedules

# The name of this part of the saved state.
PART = "queued events"
logger = logging.getLogger(__name__)

# EventBridge's defaults: 185 attempts within a day.
_MAX_ATTEMPTS = 185
_MAX_AGE_SECONDS = 86400
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 30.0
# Events that fail with these codes go to the dead-letter queue without a retry.
_FINAL_CODES = (
    "AccessDeniedException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "InvalidParameter",
    "NotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
)


@dataclass(frozen=True)
class QueuedEvent:
    """An event for one target of a rule."""

    rule_arn: str
    target: Mapping[str, Any]
    event: Mapping[str, Any]
    time: datetime


class Delivery:
    """Matches events against rules and sends them to targets in the background.

    Parameters
    ----------
    clients : callable
        Takes a rule's ARN and returns the clients with which EventBridge calls the rule's targets.
    url, region : str
        Local AWS, which hosts the targets.
    rules : callable
        Returns moto's rules of the default bus.
    changes : Changes
        The lock.
    """

    def __init__(
        self,
        clients: Callable[[str], Clients],
        url: str,
        region: str,
        rules: Callable[[], list[Any]],
        changes: Changes,
    ) -> None:
        self.pending: Pending[QueuedEvent] = Pending(PART, changes)
        self._clients = clients
        self._url = url
        self._region = region
        self._rules = rules
        self._closing = threading.Event()
        self._schedules = Schedules(rules, self.fire)
        self._ended = threading.Event()
        threading.Thread(
            target=self._schedules.run, args=(self._ended,), name="schedules", daemon=True
        ).start()

    def emit(self, source: str, detail_type: str, resources: list[str], detail: Mapping[str, Any]) -> None:
        """Put an event of an AWS service on the default bus."""
        event = self._event(source, detail_type, resources, detail)
        for rule in self._rules():
            self.offer(rule, event)

    def fire(self, rule: Any) -> None:
        """Send the event of a due schedule to a rule's targets."""
        self._dispatch(rule, self._event("aws.events", "Scheduled Event", [rule.arn], {}))

    def offer(self, rule: Any, event: Mapping[str, Any]) -> None:
        """Send an event to a rule's targets if the rule is enabled and its pattern matches."""
        if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
            return
        sent = {**event, "time": _event_time(event["time"])}
        if rule.event_pattern.matches_event(sent):
            self._dispatch(rule, sent)

    def reset(self) -> None:
        """Drop the deliveries that are being retried and restart all schedules."""
        self._closing.set()
        self._closing = threading.Event()
        self.pending.clear()
        self._schedules.reset()

    def resume(self) -> None:
        """Deliver the events that were queued when local AWS stopped, and make up for missed schedules."""
        for key, queued in self.pending.restored().items():
            self._start(key, queued)
        self._schedules.fire_all()

    def close(self) -> None:
        """Stop all deliveries and schedules."""
        self._ended.set()
        self._closing.set()

    def _event(
        self, source: str, detail_type: str, resources: list[str], detail: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": _iso(datetime.now(UTC)),
            "region": self._region,
            "resources": resources,
            "detail": json.loads(json.dumps(detail, default=_json)),
        }

    def _dispatch(self, rule: Any, event: Mapping[str, Any]) -> None:
        for target in list(rule.targets):
            queued = QueuedEvent(rule.arn, dict(target), event, datetime.now(UTC))
            self._start(self.pending.add(queued), queued)

    def _start(self, key: str, queued: QueuedEvent) -> None:
        threading.Thread(
            target=self._deliver,
            args=(key, queued, self._closing),
            name=f"event-{queued.rule_arn.rpartition('/')[2]}",
            daemon=True,
        ).start()

    def _deliver(self, key: str, queued: QueuedEvent, closing: threading.Event) -> None:
        self._try_to_deliver(queued, closing)
        if not closing.is_set():
            self.pending.done(key)

    def _try_to_deliver(self, queued: QueuedEvent, closing: threading.Event) -> None:
        rule_arn, target, event = queued.rule_arn, queued.target, queued.event
        policy = target.get("RetryPolicy") or {}
        retries = int(policy.get("MaximumRetryAttempts", _MAX_ATTEMPTS))
        age = float(policy.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS))
        attempt = 0
        while not closing.is_set():
            try:
                self._send(self._clients(rule_arn), target, event)
            except (ClientError, BotoCoreError) as error:
                code = (
                    error.response["Error"]["Code"] if isinstance(error, ClientError) else "SDK_CLIENT_ERROR"
                )
                exhausted = None
                if attempt >= retries:
                    exhausted = "MaximumRetryAttempts"
                elif (datetime.now(UTC) - queued.time).total_seconds() >= age:
                    exhausted = "MaximumEventAgeInSeconds"
                if exhausted or code in _FINAL_CODES:
                    self._send_to_dead_letters(
                        rule_arn, target, event, (code, str(error), exhausted, attempt)
                    )
                    return
                # S311: the jitter spreads retries; it is not for security.
                delay = min(_FIRST_DELAY_SECONDS * 2**attempt, _LONGEST_DELAY_SECONDS)
                closing.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311
                attempt += 1
            except Exception as error:  # noqa: BLE001 - a retry cannot fix an input path that matches nothing
                failure = (type(error).__name__, str(error), None, attempt)
                self._send_to_dead_letters(rule_arn, target, event, failure)
                return
            else:
                return

    def _send(self, clients: Clients, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        arn = str(target["Arn"])
        service = arn.split(":")[2]
        senders: dict[str, Callable[[Clients, Mapping[str, Any], str], None]] = {
            "lambda": self._to_lambda,
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "logs": self._to_logs,
            "events": self._to_bus,
        }
        if service not in senders:
            logger.warning(
                "An event was not delivered to %s: local AWS supports targets of %s", arn, ", ".join(senders)
            )
            return
        senders[service](clients, target, _payload(target, event))

    def _to_lambda(self, clients: Clients, target: Mapping[str, Any], payload: str) -> None:
        # Asynchronous, as in EventBridge: Lambda retries errors of the function's own code.
        clients.get("lambda").invoke(
            FunctionName=str(target["Arn"]), InvocationType="Event", Payload=payload.encode()
        )

    def _to_queue(self, clients: Clients, target: Mapping[str, Any], payload: str) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        extra = {"MessageGroupId": group} if group else {}
        clients.get("sqs").send_message(
            QueueUrl=queue_url(self._url, str(target["Arn"])), MessageBody=payload, **extra
        )

    def _to_topic(self, clients: Clients, target: Mapping[str, Any], payload: str) -> None:
        clients.get("sns").publish(TopicArn=str(target["Arn"]), Message=payload)

    def _to_logs(self, clients: Clients, target: Mapping[str, Any], payload: str) -> None:
        group = str(target["Arn"]).split(":log-group:")[1].removesuffix(":*")
        logs = clients.get("logs")
        stream = str(uuid.uuid4())
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        moment = int(datetime.now(UTC).timestamp() * 1000)
        events = [{"timestamp": moment, "message": payload}]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _to_bus(self, clients: Clients, target: Mapping[str, Any], payload: str) -> None:
        event = json.loads(payload)
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": str(target["Arn"]).rsplit("/", maxsplit=1)[-1],
        }
        clients.get("events").put_events(Entries=[entry])

    def _send_to_dead_letters(
        self,
        rule_arn: str,
        target: Mapping[str, Any],
        event: Mapping[str, Any],
        failure: tuple[str, str, str | None, int],
    ) -> None:
        """Send an undeliverable event to the target's dead-letter queue."""
        code, message, exhausted, attempts = failure
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            logger.warning(
                "An event for %s was dropped after %d retries: %s", target["Arn"], attempts, message
            )
            return
        values = {
            "RULE_ARN": rule_arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message,
            "RETRY_ATTEMPTS": str(attempts),
        }
        if exhausted:
            values["EXHAUSTED_RETRY_CONDITION"] = exhausted
        attributes = {
            name: {"DataType": "Number" if name == "RETRY_ATTEMPTS" else "String", "StringValue": value}
            for name, value in values.items()
        }
        try:
            self._clients(rule_arn).get("sqs").send_message(
                QueueUrl=queue_url(self._url, queue),
                MessageBody=json.dumps(event),
                MessageAttributes=attributes,
            )
        except (ClientError, BotoCoreError) as error:
            logger.warning("An event was not delivered to the dead-letter queue %s: %s", queue, error)


def _payload(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return a target's input: a constant, a part of the event, a filled template, or the event."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(follow(event, str(target["InputPath"]).removeprefix("$"), "the event"))
    transformer = target.get("InputTransformer")
    if transformer:
        return _fill_template(str(transformer["InputTemplate"]), transformer.get("InputPathsMap", {}), event)
    return json.dumps(event)


def _fill_template(template: str, paths: Mapping[str, str], event: Mapping[str, Any]) -> str:
    """Replace each <name> in a template by the event's value at the path of that name."""
    values: dict[str, Any] = {"aws.events.event.json": event}
    for name, path in paths.items():
        try:
            values[name] = follow(event, path.removeprefix("$"), "the event")
        except PathError:
            # EventBridge omits variables whose path matches nothing.
            values[name] = ""
    for name, value in values.items():
        template = template.replace(f"<{name}>", value if isinstance(value, str) else json.dumps(value))
    return template


def _event_time(value: Any) -> str:
    """Return an event's time in EventBridge's format; for PutEvents, moto stores seconds."""
    if isinstance(value, str) and "T" in value:
        return value
    return _iso(datetime.fromtimestamp(float(value), UTC))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return _iso(value if value.tzinfo else value.replace(tzinfo=UTC))
    return str(value)
