"""Decides the state of an alarm from the latest values of its metric."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_aws.base.metrics import MINUTE, Series

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
LONGEST_SECONDS = 3 * 60 * MINUTE
_STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
_PERCENTILE = re.compile(r"p\d{1,2}(\.\d+)?|p100")
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
_UNSUPPORTED = (
    "AlarmRule",
    "EvaluateLowSampleCountPercentile",
    "EvaluationCriteria",
    "Metrics",
    "ThresholdMetricId",
    "Unit",
)


class UnsupportedAlarmError(ValueError):
    """An alarm of a form that local AWS does not evaluate; the message names the member."""


@dataclass(frozen=True)
class Condition:
    """When an alarm is on.

    Attributes
    ----------
    breaching
        Number of the latest `periods` whose value has to meet the comparison.
    missing
        How periods without a value count, as in ``TreatMissingData``.
    """

    series: Series
    statistic: str
    period: int
    periods: int
    breaching: int
    threshold: float
    comparison: str
    missing: str

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Condition:
        """Return the condition in a request of PutMetricAlarm.

        Raises
        ------
        UnsupportedAlarmError
            If local AWS does not evaluate alarms of this form.
        """
        for member in _UNSUPPORTED:
            if request.get(member):
                raise UnsupportedAlarmError(f"Local AWS does not evaluate alarms with {member}.")
        periods = int(request["EvaluationPeriods"])
        found = cls(
            series=Series(
                str(request.get("Namespace")),
                str(request.get("MetricName")),
                frozenset((each["Name"], each["Value"]) for each in request.get("Dimensions") or []),
            ),
            statistic=str(request.get("Statistic") or request.get("ExtendedStatistic")),
            period=int(request.get("Period") or 0),
            periods=periods,
            breaching=int(request.get("DatapointsToAlarm") or periods),
            threshold=float(request.get("Threshold") or 0.0),
            comparison=str(request.get("ComparisonOperator")),
            missing=str(request.get("TreatMissingData") or "missing"),
        )
        found._check()
        return found

    def _check(self) -> None:
        if self.statistic not in _STATISTICS and not _PERCENTILE.fullmatch(self.statistic):
            raise UnsupportedAlarmError(
                f"Local AWS does not evaluate the statistic {self.statistic}; it evaluates "
                f"{', '.join(_STATISTICS)} and percentiles such as p95."
            )
        if self.comparison not in _COMPARISONS:
            raise UnsupportedAlarmError(
                f"Local AWS does not evaluate the comparison {self.comparison}; it evaluates "
                f"{', '.join(_COMPARISONS)}."
            )
        if self.period < MINUTE or self.period % MINUTE:
            raise UnsupportedAlarmError(
                f"Local AWS does not evaluate a Period of {self.period} s; it must be a multiple of {MINUTE}."
            )
        if self.period * self.periods > LONGEST_SECONDS:
            raise UnsupportedAlarmError(
                f"Local AWS does not look back more than {LONGEST_SECONDS} s; Period times "
                f"EvaluationPeriods is {self.period * self.periods} s."
            )
        if self.periods > 1 and self.missing in ("ignore", "missing"):
            raise UnsupportedAlarmError(
                f"Local AWS does not evaluate TreatMissingData {self.missing} with more than one period; use "
                "breaching or notBreaching."
            )

    def state(self, values: Sequence[float | None], current: str) -> str:
        """Return the state after the latest values; None stands for a period without data."""
        compare = _COMPARISONS[self.comparison]
        present = [value for value in values if value is not None]
        if not present and self.missing == "ignore":
            return current
        if not present and self.missing == "missing":
            return INSUFFICIENT_DATA
        breaching = sum(compare(value, self.threshold) for value in present)
        if self.missing == "breaching":
            breaching += len(values) - len(present)
        return ALARM if breaching >= self.breaching else OK
