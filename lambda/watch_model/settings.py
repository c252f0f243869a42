"""Settings from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Names and options of monitoring.

    Attributes
    ----------
    hours
        The time between two scheduled runs.
    horizon_days
        How long after a prediction its outcome is known.
    """

    bucket: str
    pipeline: str
    training_pipeline: str
    group: str
    paused_parameter: str
    instance_count: int
    hours: float
    horizon_days: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables."""
        return cls(
            bucket=environment["BUCKET"],
            pipeline=environment["MONITORING_PIPELINE"],
            training_pipeline=environment["TRAINING_PIPELINE"],
            group=environment["MODEL_PACKAGE_GROUP"],
            paused_parameter=environment["PAUSED_PARAMETER"],
            instance_count=int(environment["INSTANCE_COUNT"]),
            hours=float(environment["MONITOR_HOURS"]),
            horizon_days=int(environment["OUTCOME_DAYS"]),
        )

    @property
    def runs_per_month(self) -> float:
        """The number of scheduled runs in a month of 30 days."""
        return 720 / self.hours
