"""Settings from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Names and options of monitoring.

    Attributes
    ----------
    runs_per_month
        How often the schedule starts monitoring.
    horizon_days
        How long after a prediction its outcome is known.
    """

    bucket: str
    pipeline: str
    group: str
    paused_parameter: str
    instance_count: int
    runs_per_month: float
    horizon_days: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables."""
        return cls(
            bucket=environment["BUCKET"],
            pipeline=environment["MONITORING_PIPELINE"],
            group=environment["MODEL_PACKAGE_GROUP"],
            paused_parameter=environment["PAUSED_PARAMETER"],
            instance_count=int(environment["INSTANCE_COUNT"]),
            runs_per_month=float(environment["RUNS_PER_MONTH"]),
            horizon_days=int(environment["OUTCOME_DAYS"]),
        )
