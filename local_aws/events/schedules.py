"""Schedules of EventBridge rules: those with a rate fire from when they are first seen, cron never does."""

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
    """Fires enabled rules when they are due.

    Parameters
    ----------
    rules
        Returns moto's rules as they are now.
    fire
        Sends a rule's scheduled event to its targets.
    clock
        Seconds that never go back; tests have their own.
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
        """Look every second until closed."""
        while not closing.wait(_LOOK_EVERY_SECONDS):
            self.tick()

    def tick(self) -> None:
        """Fire what is due by now, once each."""
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
            # Rules that are gone, disabled or changed begin anew.
            self._due = due
        for rule in ready:
            self._fire(rule)

    def reset(self) -> None:
        """Forget when rules are due."""
        with self._lock:
            self._due.clear()


def _seconds(expression: str) -> int | None:
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None
