"""Connects moto's EventBridge, which stores rules and matches patterns, to the delivery of local AWS."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from moto.events.models import EventsBackend, Rule, events_backends
from moto.s3 import notifications

from local_aws.base.clients import ACCOUNT
from local_aws.events.delivery import Delivery

_MOTO_SENDS = Rule.send_to_targets
_MOTO_PUTS = EventsBackend.put_events
# How S3 names the operations that create an object, by moto's names of them.
_REASONS = {
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Put": "PutObject",
}


def rules_of(region: str) -> Callable[[], list[Any]]:
    """Return a function that lists the rules of a region's default bus that AWS does not manage."""

    def rules() -> list[Any]:
        bus = events_backends[ACCOUNT][region].describe_event_bus("default")
        return [rule for rule in list(bus.rules.values()) if not rule.managed_by]

    return rules


def install(delivery: Delivery) -> None:
    """Make moto's rules pass their events to `delivery`."""

    def send_to_targets(rule: Any, event: dict[str, Any], transform_input: bool = True) -> None:
        if rule.managed_by or not transform_input:
            # moto handles archives and replays itself.
            _MOTO_SENDS(rule, event, transform_input)
            return
        delivery.offer(rule, event)

    def send_object_event(_account: str, bucket: Any, event_name: str, key: Any) -> None:
        # Local AWS only sends the events of new objects. After a multipart upload, moto reports a PutObject
        # before the CompleteMultipartUpload; AWS does not.
        if event_name in _REASONS and not (key.multipart and event_name == "s3:ObjectCreated:Put"):
            arn, detail = f"arn:aws:s3:::{bucket.name}", _created(bucket, key, _REASONS[event_name])
            delivery.emit("aws.s3", "Object Created", [arn], detail)

    Rule.send_to_targets = send_to_targets
    EventsBackend.put_events = _put_events
    # moto calls this for buckets that send their events to EventBridge.
    notifications._send_event_bridge_message = send_object_event


def _created(bucket: Any, key: Any, reason: str) -> dict[str, Any]:
    """Return the detail of the event for a new object."""
    version = {"version-id": key.version_id} if bucket.is_versioned else {}
    return {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {
            "key": key.name,
            "size": key.size,
            "etag": key.etag.strip('"'),
            **version,
            "sequencer": f"{time.time_ns():018X}",
        },
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": ACCOUNT,
        "source-ip-address": "127.0.0.1",
        "reason": reason,
    }


def _put_events(backend: Any, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accept events, except those that claim to come from an AWS service."""
    is_aws = [str(each.get("Source", "")).startswith("aws.") for each in entries]
    accepted = iter(_MOTO_PUTS(backend, [each for each, aws in zip(entries, is_aws, strict=True) if not aws]))
    refusal = {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    return [dict(refusal) if aws else next(accepted) for aws in is_aws]
