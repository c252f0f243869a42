"""Schedules of EventBridge rules: fires rules with a rate; rules with cron are stored but never fire."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_LOOK_EVERY_SECONDS = 1.0


class Schedules:
    """Fires enabled rules when they are due; the first time is one period after a rule is first seen.

    Parameters
    ----------
    rules
        Returns moto's current rules.
    fire
        Sends a rule's scheduled event to its targets.
    clock
        Returns monotonic seconds; tests pass their own clock.
    """

    def __init__(
        self,
        rules: Callable[[], Iterable[Any]],
        fire: Callable[[Any], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._fire = fire
        self._clock = clock
        self._due: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def run(self, closing: threading.Event) -> None:
        """Check every second for due rules until `closing` is set."""
        while not closing.wait(_LOOK_EVERY_SECONDS):
            self.tick()

    def tick(self) -> None:
        """Fire each due rule once."""
        now = self._clock()
        with self._lock:
            due: dict[tuple[str, str], float] = {}
            ready = []
            for rule in self._rules():
                expression = str(rule.scheduled_expression or "")
                period = _seconds(expression)
                if period is None or rule.state != "ENABLED":
                    continue
                key = (str(rule.arn), expression)
                moment = self._due.get(key, now + period)
                if moment <= now:
                    ready.append(rule)
                    moment = now + period
                due[key] = moment
            # Rules that were removed, disabled or changed start a new period.
            self._due = due
        for rule in ready:
            self._fire(rule)

    def fire_all(self) -> None:
        """Fire each enabled rule with a rate now; its next time is one period later."""
        now = self._clock()
        with self._lock:
            ready = []
            for rule in self._rules():
                expression = str(rule.scheduled_expression or "")
                period = _seconds(expression)
                if period is not None and rule.state == "ENABLED":
                    ready.append(rule)
                    self._due[str(rule.arn), expression] = now + period
        for rule in ready:
            self._fire(rule)

    def reset(self) -> None:
        """Forget the due times of all rules."""
        with self._lock:
            self._due.clear()


def _seconds(expression: str) -> int | None:
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None
