"""Step caching and retries: when a step's earlier result is taken, and when a step is tried again."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# What, if changed, makes a step run again: the "default cache key attributes by pipeline step type" of
# SageMaker's developer guide. Where a step writes its results is not among them.
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
_LONGEST_DELAY_SECONDS = 900.0
_DEFAULT_ATTEMPTS = 5


@dataclass(frozen=True)
class CachedStep:
    """A step that succeeded, for others to take."""

    execution_arn: str
    ended: datetime
    metadata: dict[str, Any]
    properties: dict[str, Any]


class StepCache:
    """What each step of each pipeline produced, by the attributes that decide it."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], CachedStep] = {}
        self._lock = threading.Lock()

    def find(
        self, pipeline: str, step: Mapping[str, Any], arguments: Mapping[str, Any], now: datetime
    ) -> CachedStep | None:
        """Return the latest success of this step with these arguments, unless it is too old."""
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
        """Remember a success, whether or not the step itself looks into the cache."""
        if step["Type"] in KEY_ATTRIBUTES:
            with self._lock:
                self._entries[_key(pipeline, step, arguments)] = entry

    def forget(self, pipeline: str) -> None:
        """Drop what a deleted pipeline left."""
        with self._lock:
            self._entries = {key: value for key, value in self._entries.items() if key[0] != pipeline}

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()


def _key(pipeline: str, step: Mapping[str, Any], arguments: Mapping[str, Any]) -> tuple[str, str, str]:
    decisive = {name: arguments.get(name) for name in KEY_ATTRIBUTES[step["Type"]]}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()
    return pipeline, f"{step['Type']}/{step['Name']}", digest


def duration(text: str) -> timedelta:
    """Read ``ExpireAfter``: ISO 8601 with or without its P, such as "30d", "T16m", "P30DT5H".

    Raises
    ------
    ValueError
        When it is neither.
    """
    match = _DURATION.fullmatch(text.strip())
    parts = {name: int(value) for name, value in match.groupdict().items() if value} if match else {}
    if not parts:
        raise ValueError(f"{text!r} is no duration; examples are '30d', 'T16m' and 'P30DT5H'.")
    days = sum(_DAYS[name] * value for name, value in parts.items() if name in _DAYS)
    return timedelta(
        days=days,
        hours=parts.get("hours", 0),
        minutes=parts.get("minutes", 0),
        seconds=parts.get("seconds", 0),
    )


def exception_type(reason: str, *, while_creating: bool) -> str | None:
    """Return the retry policies' name for a failure, or None for one that no policy covers.

    Parameters
    ----------
    reason : str
        The error code of a call that failed, or a job's FailureReason.
    while_creating : bool
        Whether the call that creates the job failed, or the job itself.
    """
    if while_creating:
        names = {
            "ThrottlingException": "Step.THROTTLING",
            "Throttling": "Step.THROTTLING",
            "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
            "InternalFailure": "Step.SERVICE_FAULT",
            "InternalServerError": "Step.SERVICE_FAULT",
            "ServiceUnavailable": "Step.SERVICE_FAULT",
        }
        return names.get(reason)
    prefixes = {
        "InternalServerError": "SageMaker.JOB_INTERNAL_ERROR",
        "CapacityError": "SageMaker.CAPACITY_ERROR",
        "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
    }
    return next((name for prefix, name in prefixes.items() if reason.startswith(prefix)), None)


def delays(policies: Sequence[Mapping[str, Any]], exception: str | None) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt; nothing when no policy covers the failure."""
    for policy in policies:
        if exception is None or exception not in policy.get("ExceptionType", []):
            continue
        interval = float(policy.get("IntervalSeconds", 1))
        rate = float(policy.get("BackoffRate", 2.0))
        limit = float(policy["ExpireAfterMin"]) * 60 if "ExpireAfterMin" in policy else None
        # MaxAttempts counts the retries
        attempts = int(policy.get("MaxAttempts", _DEFAULT_ATTEMPTS if limit is None else 10**6))
        waited = 0.0
        for attempt in range(attempts):
            delay = min(interval * rate**attempt, _LONGEST_DELAY_SECONDS)
            waited += delay
            if limit is not None and waited > limit:
                return
            yield delay
        return
