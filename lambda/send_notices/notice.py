"""A notice: the message about one fact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """The message about one fact.

    Attributes
    ----------
    subject
        What the fact is about, such as ``champion``; the name of its mark.
    value
        The fact itself, such as the version that is now the champion. A new value is a new fact.
    time
        Of the event, in ISO 8601; an event that arrives late does not replace a later one.
    title, text
        Subject and body of the message.
    """

    subject: str
    value: str
    time: str
    title: str
    text: str
