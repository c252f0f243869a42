"""Drills drift: one column shifts, an alarm notifies people, and a person accepts the shift as normal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from scripts.aws.outbox import read_outbox
from scripts.model.contracts import read_champion
from scripts.operate.drills.errors import DrillError
from scripts.operate.drills.watched import Run, Watched, sample_companies
from scripts.operate.monitoring import accept

_COMPANIES = 600
_NOTE = "a drill: first portfolio of a new industry"
# Longer than the period of the alarm, so that it no longer sees the run before.
_LATER_SECONDS = 600.0


@dataclass(frozen=True)
class DriftDrill:
    """The result of a drill.

    Attributes
    ----------
    column
        The column that shifted, by its interquartile range.
    usual, shifted, accepted
        The runs of monitoring on companies like those of training, on shifted ones, and on other shifted ones
        after a person had accepted the run before as normal.
    message
        Subject of the message that people would have received.
    seconds
        How long the drill took.
    """

    column: str
    usual: Run
    shifted: Run
    accepted: Run
    message: str
    seconds: float


def drill_drift(watched: Watched, clock: Callable[[], float] = time.monotonic) -> DriftDrill:
    """Predict companies of which one column shifts, and accept the shift as normal.

    Parameters
    ----------
    watched
        The service, with a version that was trained on sample data.

    Raises
    ------
    DrillError
        If monitoring reports drift without a shift, or none with it.
    """
    began, earlier = clock(), len(read_outbox())
    version, column = watched.version(), _column(watched)

    companies, _ = sample_companies(_COMPANIES, seed=1)
    shift = float(companies[column].quantile(0.75) - companies[column].quantile(0.25))
    watched.on_event(f"Predicting {_COMPANIES} companies like those of training.")
    watched.predict(companies, "usual-")
    usual, _ = watched.monitor()
    if usual.drift:
        raise DrillError("Monitoring reports drift of companies like those of training.")

    companies, _ = sample_companies(_COMPANIES, seed=2)
    watched.on_event(f"Predicting {_COMPANIES} companies whose {column!r} is {shift:.3g} higher.")
    watched.predict(companies.assign(**{column: companies[column] + shift}), "shifted-")
    shifted, _ = watched.monitor()
    watched.wait_for_alarm("drift", "ALARM")
    message = watched.wait_for_message("drift", earlier)

    accept(watched.aws, shifted.run, version, _NOTE)
    watched.on_event(f'A person runs `bankruptcy monitor accept {shifted.run} {version} --note "{_NOTE}"`.')
    watched.advance(_LATER_SECONDS)
    companies, _ = sample_companies(_COMPANIES, seed=3)
    watched.on_event(f"Predicting {_COMPANIES} other companies with the same shift.")
    watched.predict(companies.assign(**{column: companies[column] + shift}), "again-")
    accepted, _ = watched.monitor()
    watched.wait_for_alarm("drift", "OK")
    return DriftDrill(column, usual, shifted, accepted, message, clock() - began)


def _column(watched: Watched) -> str:
    """Return the champion's first feature with only one unit."""
    contract = read_champion(watched.aws) or {"features": []}
    return str(next(each["name"] for each in contract["features"] if "two_units" not in each))
