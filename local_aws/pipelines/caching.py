"""Step caching: decides whether a step reuses the result of an earlier execution."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# A change of these arguments makes a step run again: "default cache key attributes by pipeline step type" in
# SageMaker's developer guide. The output location is not among them.
KEY_ATTRIBUTES = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
}
_DURATION = re.compile(
    r"P?(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE,
)
_DAYS = {"years": 365, "months": 30, "weeks": 7, "days": 1}


@dataclass(frozen=True)
class CachedStep:
    """The result of a successful step, which later executions can reuse."""

    execution_arn: str
    ended: datetime
    metadata: dict[str, Any]
    properties: dict[str, Any]


class StepCache:
    """The latest result of each step of each pipeline, by the hash of its cache key attributes."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], CachedStep] = {}
        self._lock = threading.Lock()

    @property
    def entries(self) -> dict[tuple[str, str, str], CachedStep]:
        """All results, to be saved."""
        with self._lock:
            return dict(self._entries)

    def restore(self, entries: Mapping[tuple[str, str, str], CachedStep]) -> None:
        """Replace the results by saved ones."""
        with self._lock:
            self._entries = dict(entries)

    def find(
        self, pipeline: str, step: Mapping[str, Any], arguments: Mapping[str, Any], now: datetime
    ) -> CachedStep | None:
        """Return the latest result of a step with these arguments, or None if there is none or it expired."""
        config = step.get("CacheConfig") or {}
        if not config.get("Enabled") or step["Type"] not in KEY_ATTRIBUTES:
            return None
        with self._lock:
            entry = self._entries.get(_key(pipeline, step, arguments))
        expires = config.get("ExpireAfter")
        if entry is None or (expires and now - entry.ended > duration(str(expires))):
            return None
        return entry

    def add(
        self, pipeline: str, step: Mapping[str, Any], arguments: Mapping[str, Any], entry: CachedStep
    ) -> None:
        """Store the result of a step, even if caching is disabled for the step itself."""
        if step["Type"] in KEY_ATTRIBUTES:
            with self._lock:
                self._entries[_key(pipeline, step, arguments)] = entry

    def forget(self, pipeline: str) -> None:
        """Drop the results of a deleted pipeline."""
        with self._lock:
            self._entries = {key: value for key, value in self._entries.items() if key[0] != pipeline}

    def clear(self) -> None:
        """Drop all results."""
        with self._lock:
            self._entries.clear()


def _key(pipeline: str, step: Mapping[str, Any], arguments: Mapping[str, Any]) -> tuple[str, str, str]:
    decisive = {name: arguments.get(name) for name in KEY_ATTRIBUTES[step["Type"]]}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()
    return pipeline, f"{step['Type']}/{step['Name']}", digest


def duration(text: str) -> timedelta:
    """Parse ``ExpireAfter``: an ISO 8601 duration with or without its P, such as "30d", "T16m", "P30DT5H".

    Raises
    ------
    ValueError
        If the text is not such a duration.
    """
    match = _DURATION.fullmatch(text.strip())
    parts = {name: int(value) for name, value in match.groupdict().items() if value} if match else {}
    if not parts:
        raise ValueError(f"{text!r} is not a duration; examples are '30d', 'T16m' and 'P30DT5H'.")
    days = sum(_DAYS[name] * value for name, value in parts.items() if name in _DAYS)
    return timedelta(
        days=days,
        hours=parts.get("hours", 0),
        minutes=parts.get("minutes", 0),
        seconds=parts.get("seconds", 0),
    )
