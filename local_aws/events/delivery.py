"""EventBridge's delivery: events of SageMaker and of PutEvents, through rules, to targets, at least once.

moto stores rules and matches patterns. It delivers to Lambda not at all, and to disabled and schedule-only
rules too; so delivery is done here.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.events.models import EventsBackend, Rule, events_backends
from moto.events.utils import EventTemplateParser

from local_aws.base.clients import ACCOUNT, Clients
from local_aws.base.paths import follow
from local_aws.events.schedules import Schedules

logger = logging.getLogger(__name__)

# EventBridge's own: 185 attempts within a day.
_MAX_ATTEMPTS = 185
_MAX_AGE_SECONDS = 86400
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 30.0
# Failures that another attempt cannot mend go to the dead-letter queue at once.
_FINAL_CODES = (
    "AccessDeniedException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "InvalidParameter",
    "NotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
)
_MOTO_SENDS = Rule.send_to_targets
_MOTO_PUTS = EventsBackend.put_events


def install(delivery: Delivery) -> None:
    """Let moto's rules hand their events to `delivery`."""

    def send_to_targets(rule: Any, event: dict[str, Any], transform_input: bool = True) -> None:
        if rule.managed_by or not transform_input:
            # Archives and replays are moto's own affair.
            _MOTO_SENDS(rule, event, transform_input)
            return
        delivery.offer(rule, event)

    Rule.send_to_targets = send_to_targets
    EventsBackend.put_events = _put_events


def _put_events(backend: Any, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take events but those that claim to come from a service of AWS."""
    foreign = [str(each.get("Source", "")).startswith("aws.") for each in entries]
    taken = iter(_MOTO_PUTS(backend, [each for each, aws in zip(entries, foreign, strict=True) if not aws]))
    refusal = {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    return [dict(refusal) if aws else next(taken) for aws in foreign]


class Delivery:
    """Matches events against rules and sends them to targets in the background.

    Parameters
    ----------
    url, region : str
        Local AWS, where the targets live.
    """

    def __init__(self, url: str, region: str) -> None:
        self._clients = Clients(url, region)
        self._region = region
        self._closing = threading.Event()
        self._schedules = Schedules(self.rules, self.fire)
        self._ended = threading.Event()
        threading.Thread(
            target=self._schedules.run, args=(self._ended,), name="schedules", daemon=True
        ).start()

    def rules(self) -> list[Any]:
        """Return the rules of the default bus that people made."""
        backend = events_backends[ACCOUNT][self._region]
        return [r for r in list(backend.describe_event_bus("default").rules.values()) if not r.managed_by]

    def emit(self, detail_type: str, resources: list[str], detail: Mapping[str, Any]) -> None:
        """Put an event of SageMaker on the default bus."""
        event = self._event("aws.sagemaker", detail_type, resources, detail)
        for rule in self.rules():
            self.offer(rule, event)

    def fire(self, rule: Any) -> None:
        """Send a rule's targets what they get when its schedule is due."""
        self._dispatch(rule, self._event("aws.events", "Scheduled Event", [rule.arn], {}))

    def offer(self, rule: Any, event: Mapping[str, Any]) -> None:
        """Send an event to a rule's targets, if the rule is enabled and its pattern matches."""
        if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
            return
        sent = {**event, "time": _event_time(event["time"])}
        if rule.event_pattern.matches_event(sent):
            self._dispatch(rule, sent)

    def reset(self) -> None:
        """Drop the deliveries that are still being retried, and begin all schedules anew."""
        self._closing.set()
        self._closing = threading.Event()
        self._schedules.reset()

    def close(self) -> None:
        """Stop delivering."""
        self._ended.set()
        self._closing.set()
        self._clients.close()

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
            threading.Thread(
                target=self._deliver,
                args=(rule.arn, target, event, self._closing),
                name=f"event-{rule.name}",
                daemon=True,
            ).start()

    def _deliver(
        self, rule_arn: str, target: Mapping[str, Any], event: Mapping[str, Any], closing: threading.Event
    ) -> None:
        policy = target.get("RetryPolicy") or {}
        retries = int(policy.get("MaximumRetryAttempts", _MAX_ATTEMPTS))
        age = float(policy.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS))
        started = datetime.now(UTC)
        attempt = 0
        while not closing.is_set():
            try:
                self._send(target, event)
            except (ClientError, BotoCoreError) as error:
                code = (
                    error.response["Error"]["Code"] if isinstance(error, ClientError) else "SDK_CLIENT_ERROR"
                )
                exhausted = None
                if attempt >= retries:
                    exhausted = "MaximumRetryAttempts"
                elif (datetime.now(UTC) - started).total_seconds() >= age:
                    exhausted = "MaximumEventAgeInSeconds"
                if exhausted or code in _FINAL_CODES:
                    self._bury(rule_arn, target, event, (code, str(error), exhausted, attempt))
                    return
                # S311: the jitter keeps retries apart, it protects nothing.
                delay = min(_FIRST_DELAY_SECONDS * 2**attempt, _LONGEST_DELAY_SECONDS)
                closing.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311
                attempt += 1
            except Exception as error:  # noqa: BLE001 - an input path that matches nothing, say: no retry mends it
                self._bury(rule_arn, target, event, (type(error).__name__, str(error), None, attempt))
                return
            else:
                return

    def _send(self, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        arn = str(target["Arn"])
        service = arn.split(":")[2]
        senders: dict[str, Callable[[str, Mapping[str, Any], str], None]] = {
            "lambda": self._to_lambda,
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "logs": self._to_logs,
            "events": self._to_bus,
        }
        if service not in senders:
            logger.warning("Local AWS delivers no events to %s; the target %s gets none.", service, arn)
            return
        senders[service](arn, target, _payload(target, event))

    def _to_lambda(self, arn: str, _target: Mapping[str, Any], payload: str) -> None:
        # Asynchronously, as EventBridge does: a failure of the function's own code is Lambda's to retry.
        self._clients.get("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())

    def _to_queue(self, arn: str, target: Mapping[str, Any], payload: str) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        extra = {"MessageGroupId": group} if group else {}
        self._clients.get("sqs").send_message(QueueUrl=self._queue_url(arn), MessageBody=payload, **extra)

    def _to_topic(self, arn: str, _target: Mapping[str, Any], payload: str) -> None:
        self._clients.get("sns").publish(TopicArn=arn, Message=payload)

    def _to_logs(self, arn: str, _target: Mapping[str, Any], payload: str) -> None:
        group = arn.split(":log-group:")[1].removesuffix(":*")
        logs = self._clients.get("logs")
        stream = str(uuid.uuid4())
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        moment = int(datetime.now(UTC).timestamp() * 1000)
        events = [{"timestamp": moment, "message": payload}]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _to_bus(self, arn: str, _target: Mapping[str, Any], payload: str) -> None:
        event = json.loads(payload)
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": arn.rsplit("/", maxsplit=1)[-1],
        }
        self._clients.get("events").put_events(Entries=[entry])

    def _queue_url(self, arn: str) -> str:
        name = arn.rsplit(":", maxsplit=1)[-1]
        url: str = self._clients.get("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        return url

    def _bury(
        self,
        rule_arn: str,
        target: Mapping[str, Any],
        event: Mapping[str, Any],
        failure: tuple[str, str, str | None, int],
    ) -> None:
        """Hand an event that could not be delivered to the target's dead-letter queue."""
        code, message, exhausted, attempts = failure
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            logger.warning("An event for %s is lost after %d retries: %s", target["Arn"], attempts, message)
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
            self._clients.get("sqs").send_message(
                QueueUrl=self._queue_url(queue), MessageBody=json.dumps(event), MessageAttributes=attributes
            )
        except (ClientError, BotoCoreError) as error:
            logger.warning("The dead-letter queue %s took no event: %s", queue, error)


def _payload(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return what a target is sent: the event, a part of it, a constant, or a filled template."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(follow(event, str(target["InputPath"]).removeprefix("$"), "the event"))
    transformer = target.get("InputTransformer")
    if transformer:
        filled = EventTemplateParser.parse(
            transformer["InputTemplate"], transformer.get("InputPathsMap", {}), event
        )
        return filled if isinstance(filled, str) else json.dumps(filled)
    return json.dumps(event)


def _event_time(value: Any) -> str:
    """Return an event's time as EventBridge writes it; moto holds seconds for events of PutEvents."""
    if isinstance(value, str) and "T" in value:
        return value
    return _iso(datetime.fromtimestamp(float(value), UTC))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return _iso(value if value.tzinfo else value.replace(tzinfo=UTC))
    return str(value)
