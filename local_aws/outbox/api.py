"""Adapter: keeps the newest messages that were published to moto's SNS topics, with their recipients."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from moto.sns.models import Topic
from werkzeug.wrappers import Response

# The name of this part of the saved state.
PART = "outbox"
# No AWS client asks for this path: a bucket's name has no underscore.
PATH = "/_local/outbox"
MOST_MESSAGES = 1000
# Protocols of subscribers outside of local AWS, to which it sends nothing.
_OUTSIDE = {"application", "email", "email-json", "http", "https", "sms"}
_MOTO_PUBLISHES = Topic.publish


@dataclass(frozen=True)
class Message:
    """A message, and the subscribers that would have received it from AWS, as ``email:me@example.com``."""

    time: str
    topic: str
    subject: str
    text: str
    recipients: tuple[str, ...]


class Outbox:
    """The newest messages, oldest first.

    Parameters
    ----------
    clock : callable
        Returns the present time.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._messages: deque[Message] = deque(maxlen=MOST_MESSAGES)

    def add(self, topic: str, subject: str | None, text: str, recipients: Iterable[str]) -> None:
        """Keep a message."""
        time = self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        self._messages.append(Message(time, topic, subject or "", text, tuple(recipients)))

    def messages(self) -> list[Message]:
        """Return the messages."""
        return list(self._messages)

    def restore(self, messages: Iterable[Message]) -> None:
        """Replace the messages."""
        self._messages = deque(messages, maxlen=MOST_MESSAGES)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a request with the messages as JSON."""
        body = json.dumps([asdict(message) for message in self.messages()])
        return Response(body, mimetype="application/json")(environ, start_response)


def install(outbox: Outbox) -> None:
    """Make moto's topics keep their messages in the outbox."""

    def publish(topic: Any, message: str, subject: str | None = None, **more: Any) -> str:
        message_id: str = _MOTO_PUBLISHES(topic, message, subject, **more)
        # moto keeps every message for its own interface, which local AWS does not have.
        topic.sent_notifications.clear()
        subscriptions, _ = topic.sns_backend.list_subscriptions_by_topic(topic_arn=topic.arn)
        recipients = (
            f"{each.protocol}:{each.endpoint}" for each in subscriptions if each.protocol in _OUTSIDE
        )
        outbox.add(topic.arn, subject, message, recipients)
        return message_id

    Topic.publish = publish
