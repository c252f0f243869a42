"""Connects moto's EventBridge, which stores rules and matches patterns, to the delivery of local AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.events.models import EventsBackend, Rule, events_backends

from local_aws.base.clients import ACCOUNT
from local_aws.events.delivery import Delivery

_MOTO_SENDS = Rule.send_to_targets
_MOTO_PUTS = EventsBackend.put_events


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

    Rule.send_to_targets = send_to_targets
    EventsBackend.put_events = _put_events


def _put_events(backend: Any, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accept events, except those that claim to come from an AWS service."""
    is_aws = [str(each.get("Source", "")).startswith("aws.") for each in entries]
    accepted = iter(_MOTO_PUTS(backend, [each for each, aws in zip(entries, is_aws, strict=True) if not aws]))
    refusal = {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    return [dict(refusal) if aws else next(accepted) for aws in is_aws]
