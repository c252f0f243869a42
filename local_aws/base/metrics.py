"""Metrics in memory: one summary a minute of each metric, from which statistics are computed."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from local_aws.base.clock import now

MINUTE = 60
# An alarm looks back at most three hours.
_KEPT_MINUTES = 240
# Values are counted in classes that are 2 % wide, so percentiles are exact to 1 %.
_CLASSES = 1 / math.log(1.02)

Dimensions = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Series:
    """The identity of a metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


@dataclass
class Summary:
    """The values of a metric within a period."""

    count: float = 0.0
    sum: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    # Numbers of positive values by class; the others count as 0.
    classes: Counter[int | None] = field(default_factory=Counter)

    def add(self, value: float) -> None:
        """Add a value."""
        self.count += 1
        self.sum += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        self.classes[round(math.log(value) * _CLASSES) if value > 0 else None] += 1

    def merge(self, other: Summary) -> None:
        """Add the values of another summary."""
        self.count += other.count
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.classes.update(other.classes)

    def statistic(self, name: str) -> float:
        """Return a statistic such as ``Sum`` or ``p95``."""
        if name.startswith("p"):
            return self._percentile(float(name[1:]))
        return {
            "Average": self.sum / self.count,
            "Maximum": self.maximum,
            "Minimum": self.minimum,
            "SampleCount": self.count,
            "Sum": self.sum,
        }[name]

    def _percentile(self, percent: float) -> float:
        below = 0
        for each in sorted(self.classes, key=lambda each: -math.inf if each is None else each):
            below += self.classes[each]
            if below >= self.count * percent / 100:
                value = 0.0 if each is None else math.exp(each / _CLASSES)
                return min(max(value, self.minimum), self.maximum)
        return self.maximum


class Metrics:
    """The metrics of one local AWS, for four hours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: dict[int, dict[Series, Summary]] = {}

    def record(
        self,
        namespace: str,
        values: Mapping[str, float],
        dimensions: Dimensions,
        moment: datetime | None = None,
    ) -> None:
        """Add a value to each of the named metrics, by default now."""
        minute = int((moment or now()).timestamp()) // MINUTE
        key = frozenset(dimensions)
        with self._lock:
            if minute not in self._minutes:
                self._minutes[minute] = {}
                for old in [each for each in self._minutes if each < minute - _KEPT_MINUTES]:
                    del self._minutes[old]
            for name, value in values.items():
                self._minutes[minute].setdefault(Series(namespace, name, key), Summary()).add(value)

    def summary(self, series: Series, start: datetime, end: datetime) -> Summary | None:
        """Return the values of a metric in the minutes from `start` to before `end`; None if it has none."""
        found = Summary()
        with self._lock:
            for minute in range(int(start.timestamp()) // MINUTE, int(end.timestamp()) // MINUTE):
                if (present := self._minutes.get(minute, {}).get(series)) is not None:
                    found.merge(present)
        return found if found.count else None

    def series(self) -> Iterator[Series]:
        """Yield every metric that has values."""
        with self._lock:
            known = {each for minute in self._minutes.values() for each in minute}
        yield from sorted(known, key=lambda each: (each.namespace, each.name, sorted(each.dimensions)))

    def read(self) -> dict[int, dict[Series, Summary]]:
        """Return a copy of everything, to save it."""
        with self._lock:
            return {minute: dict(found) for minute, found in self._minutes.items()}

    def restore(self, saved: Mapping[int, Mapping[Series, Summary]]) -> None:
        """Replace everything by what was saved."""
        with self._lock:
            self._minutes = {minute: dict(found) for minute, found in saved.items()}

    def clear(self) -> None:
        """Forget everything."""
        self.restore({})
