"""Decides whether and when a failed step is retried, from the retry policies of its definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_LONGEST_DELAY_SECONDS = 900.0
_DEFAULT_ATTEMPTS = 5
_CREATION_ERRORS = {
    "ThrottlingException": "Step.THROTTLING",
    "Throttling": "Step.THROTTLING",
    "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
    "InternalFailure": "Step.SERVICE_FAULT",
    "InternalServerError": "Step.SERVICE_FAULT",
    "ServiceUnavailable": "Step.SERVICE_FAULT",
}
_JOB_FAILURES = {
    "InternalServerError": "SageMaker.JOB_INTERNAL_ERROR",
    "CapacityError": "SageMaker.CAPACITY_ERROR",
    "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
}


def exception_type(reason: str, *, while_creating: bool) -> str | None:
    """Return the exception type that retry policies use for a failure, or None if they cover no such failure.

    Parameters
    ----------
    reason : str
        The error code of a failed call, or the FailureReason of a failed job.
    while_creating : bool
        True if the call that creates the job failed, False if the job failed.
    """
    if while_creating:
        return _CREATION_ERRORS.get(reason)
    return next((name for prefix, name in _JOB_FAILURES.items() if reason.startswith(prefix)), None)


def delays(policies: Sequence[Mapping[str, Any]], exception: str | None) -> Iterator[float]:
    """Yield the seconds to wait before each retry; yield nothing if no policy covers the failure."""
    for policy in policies:
        if exception is None or exception not in policy.get("ExceptionType", []):
            continue
        interval = float(policy.get("IntervalSeconds", 1))
        rate = float(policy.get("BackoffRate", 2.0))
        limit = float(policy["ExpireAfterMin"]) * 60 if "ExpireAfterMin" in policy else None
        # MaxAttempts counts the retries, not the first attempt.
        attempts = int(policy.get("MaxAttempts", _DEFAULT_ATTEMPTS if limit is None else 10**6))
        waited = 0.0
        for attempt in range(attempts):
            delay = min(interval * rate**attempt, _LONGEST_DELAY_SECONDS)
            waited += delay
            if limit is not None and waited > limit:
                return
            yield delay
        return
