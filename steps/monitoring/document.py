"""Builds monitoring.json: what a window's predictions and the outcomes so far say about the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from steps.measures.intervals import Interval
from steps.monitoring.drift import FEWEST_COMPANIES, Reference, column_drifts
from steps.monitoring.expected import expected_quality
from steps.monitoring.outcomes import Joined, Outcomes
from steps.monitoring.profile import Profile
from steps.monitoring.realised import FEWEST_BANKRUPTCIES, realised_quality
from steps.monitoring.shards import Shard
from steps.monitoring.summary import Summary

# Runs that the history keeps: more than a year of daily ones.
MOST_RUNS = 400


@dataclass(frozen=True)
class Settings:
    """How predictions are judged.

    Attributes
    ----------
    runs_per_month
        How often monitoring runs; the more often, the less easily a single run raises an alarm.
    horizon_days
        How long after a prediction its outcome is known.
    seed
        Seed of the estimates.
    """

    runs_per_month: float
    horizon_days: int
    seed: int


def monitoring_document(
    shard: Shard,
    accepted: Mapping[str, Summary],
    joined: Joined,
    outcomes: Outcomes,
    settings: Settings,
    now: datetime,
    profiles: Mapping[str, Profile],
    previous: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the contents of monitoring.json.

    Parameters
    ----------
    shard
        The window's predictions.
    accepted
        By version, the predictions of a window that a person accepted as normal.
    joined, outcomes
        The predictions with known outcomes, and all outcomes.
    settings
        How to judge.
    now
        The time of this run.
    profiles
        All versions' profiles.
    previous
        The document of the run before, for the history.
    """
    versions = {
        version: _version(summary, accepted.get(version), settings)
        for version, summary in sorted(shard.summaries.items())
    }
    realised = {
        version: realised_quality(
            profiles[version],
            [each for each in joined.judged if each.match.version == version],
            settings.seed,
        )
        for version in sorted({each.match.version for each in joined.judged})
    }
    alarms = {
        "drift": [
            f"version {version}, {column['name']}: {column['reason']}"
            for version, facts in versions.items()
            for column in facts["drift"] or []
            if column["reason"]
        ],
        "quality": [
            f"version {version}: {facts['reason']}" for version, facts in realised.items() if facts["reason"]
        ],
    }
    document = {
        "time": now.isoformat(timespec="seconds"),
        "predictions": sum(facts["predictions"] for facts in versions.values()),
        "left_out": shard.left.as_dict(),
        "versions": versions,
        "realised": realised,
        "outcomes": {
            "given": outcomes.given,
            "repeated": outcomes.repeated,
            "judged": len(joined.judged),
            **{name: value for name, value in vars(joined).items() if name != "judged"},
        },
        "alarms": alarms,
        "settings": {
            **asdict(settings),
            "fewest_companies": FEWEST_COMPANIES,
            "fewest_bankruptcies": FEWEST_BANKRUPTCIES,
        },
    }
    history = [*(previous or {}).get("history", []), _history_entry(document)]
    return {**document, "history": history[-MOST_RUNS:]}


def _version(summary: Summary, accepted: Summary | None, settings: Settings) -> dict[str, Any]:
    profile, sample = summary.profile, summary.sample
    reference = (
        Reference.training(profile) if accepted is None else Reference.accepted(profile, accepted.sample)
    )
    drifts = column_drifts(profile, sample, reference, settings.runs_per_month)
    quality = expected_quality(sample.probability, profile.levels, profile.bounds.tolist(), settings.seed)
    return {
        "predictions": summary.predictions,
        "companies": summary.distinct,
        "days": dict(sorted(summary.days.items())),
        "sources": summary.sources,
        "levels": dict(zip(profile.levels, summary.levels.tolist(), strict=True)),
        "with_features": int(sample.has_features.sum()),
        "compared_with": "training" if accepted is None else "accepted window",
        "drift": [asdict(each) for each in drifts] or None,
        "expected": {name: _known(interval) for name, interval in quality.items()},
    }


def _known(interval: Interval) -> dict[str, float | None]:
    """Return an interval for JSON, which has no NaN."""
    return {key: None if math.isnan(value) else value for key, value in interval.as_dict().items()}


def _history_entry(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "time": document["time"],
        "predictions": document["predictions"],
        "drifting": len(document["alarms"]["drift"]),
        "low_quality": len(document["alarms"]["quality"]),
        "versions": {
            version: {
                "predictions": facts["predictions"],
                "highest_index": max((each["index"] for each in facts["drift"] or []), default=None),
            }
            for version, facts in document["versions"].items()
        },
    }
