"""Reads the outcomes, and joins them to the predictions."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from steps.job import DataError
from steps.monitoring.log import Batch

COLUMNS = ("prediction_id", "id", "date", "outcome")


class Key(NamedTuple):
    """Identifies a prediction (`prediction_id`), or all predictions of a company (`id`)."""

    kind: str
    value: str


class Outcome(NamedTuple):
    """Whether a company had gone bankrupt by a day."""

    day: date
    is_bankrupt: bool


@dataclass
class Outcomes:
    """All outcomes that were uploaded.

    Attributes
    ----------
    by_key
        The different outcomes of each key, in the order of their days.
    given
        Number of lines.
    repeated
        Number of lines that repeat another one.
    """

    by_key: dict[Key, list[Outcome]]
    given: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class Match:
    """A prediction for which there are outcomes.

    Attributes
    ----------
    key_kind, key
        The key of the outcomes.
    company
        The hash of the company; see `steps.monitoring.log.Batch`.
    """

    key_kind: str
    key: str
    prediction_id: str
    version: str
    timestamp: str
    probability: float
    risk_level: str
    company: int


def read_outcomes(folder: Path) -> Outcomes:
    """Read the files of outcomes: CSV with the columns in `COLUMNS`; each line has one of the first two.

    Raises
    ------
    DataError
        If a file is damaged; `bankruptcy outcomes upload` checks what it uploads.
    """
    found: dict[Key, set[Outcome]] = defaultdict(set)
    outcomes = Outcomes({})
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines):
                try:
                    kind = "prediction_id" if line["prediction_id"] else "id"
                    # An empty id would be that of every prediction without one.
                    key = Key(kind, _given(line[kind]))
                    outcome = Outcome(
                        date.fromisoformat(line["date"]), {"0": False, "1": True}[line["outcome"]]
                    )
                except (KeyError, TypeError, ValueError) as error:
                    raise DataError(
                        f"The outcomes in {path.name} are damaged ({error!r}).",
                        "Delete this file and upload the outcomes again with `bankruptcy outcomes upload`.",
                    ) from error
                outcomes.given += 1
                outcomes.repeated += outcome in found[key]
                found[key].add(outcome)
    outcomes.by_key = {key: sorted(each) for key, each in found.items()}
    return outcomes


def _given(value: str | None) -> str:
    """Return a value; raise a ValueError if there is none."""
    if not value:
        raise ValueError("a line has neither a prediction_id nor an id")
    return value


def matches(batch: Batch, outcomes: Outcomes) -> Iterator[Match]:
    """Yield the predictions of a batch that have outcomes; those of the prediction itself come first."""
    for record, company in zip(batch.records, batch.companies.tolist(), strict=True):
        keys = (Key("prediction_id", record["prediction_id"]), Key("id", str(record.get("id", ""))))
        key = next((key for key in keys if key in outcomes.by_key), None)
        if key is not None:
            yield Match(
                key.kind,
                key.value,
                record["prediction_id"],
                batch.profile.version,
                record["timestamp"].isoformat(),
                record["probability"],
                record["risk_level"],
                company,
            )


def write_matches(path: Path, found: Iterable[Match]) -> None:
    """Write matches as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Match)])
        writer.writeheader()
        writer.writerows(asdict(match) for match in found)


def read_matches(paths: Iterable[Path]) -> list[Match]:
    """Read the matches in files; a prediction that was logged twice counts once."""
    found: dict[str, Match] = {}
    for path in sorted(paths):
        with path.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines):
                probability, company = float(line.pop("probability")), int(line.pop("company"))
                match = Match(**line, probability=probability, company=company)
                found.setdefault(match.prediction_id, match)
    return list(found.values())


class Judged(NamedTuple):
    """A prediction whose outcome within the horizon is known."""

    match: Match
    is_bankrupt: bool


@dataclass
class Joined:
    """Predictions with their outcomes, and how many outcomes can't be used yet, or at all.

    Attributes
    ----------
    judged
        One prediction per company, whose horizon has passed.
    waiting
        Predictions with an outcome whose horizon has not passed. Most early outcomes are bankruptcies, so
        these predictions would look worse than they are.
    again
        Predictions of a company that is judged by an earlier one.
    late
        Judged predictions of companies that went bankrupt after the horizon: they count as not bankrupt.
    contradicting
        Keys with a day without bankruptcy after one with bankruptcy; their predictions are not judged.
    open
        Predictions whose horizon has passed, and whose outcomes say nothing about the horizon's end.
    unknown
        Keys that match no prediction.
    """

    judged: list[Judged]
    waiting: int = 0
    again: int = 0
    late: int = 0
    contradicting: int = 0
    open: int = 0
    unknown: int = 0


def join(found: Sequence[Match], outcomes: Outcomes, now: datetime, horizon_days: int) -> Joined:
    """Join predictions to their outcomes.

    A prediction is judged by whether the company went bankrupt within the horizon. A company only counts as
    not bankrupt if an outcome says so at the end of the horizon or later.
    """
    contradicting = {key for key, each in outcomes.by_key.items() if _contradicts(each)}
    known = {Key(match.key_kind, match.key) for match in found}
    joined = Joined(
        [], contradicting=len(contradicting), unknown=sum(key not in known for key in outcomes.by_key)
    )
    seen: set[tuple[str, str | int]] = set()
    for match in sorted(found, key=lambda match: (match.timestamp, match.prediction_id)):
        key = Key(match.key_kind, match.key)
        if key in contradicting:
            continue
        made = datetime.fromisoformat(match.timestamp)
        end = made + timedelta(days=horizon_days)
        if now.astimezone(UTC) < end:
            joined.waiting += 1
            continue
        company = (match.key_kind, match.key if match.key_kind == "id" else match.company)
        answer = _answer(outcomes.by_key[key], end.date())
        if answer is None:
            joined.open += 1
        elif company in seen:
            joined.again += 1
        else:
            seen.add(company)
            joined.judged.append(Judged(match, answer))
            joined.late += not answer and any(each.is_bankrupt for each in outcomes.by_key[key])
    return joined


def _contradicts(outcomes: Sequence[Outcome]) -> bool:
    bankrupt = [each.day for each in outcomes if each.is_bankrupt]
    alive = [each.day for each in outcomes if not each.is_bankrupt]
    return bool(bankrupt and alive) and max(alive) >= min(bankrupt)


def _answer(outcomes: Sequence[Outcome], end: date) -> bool | None:
    """Return whether a company went bankrupt by a day; None if its outcomes do not say."""
    if any(each.is_bankrupt and each.day <= end for each in outcomes):
        return True
    # A company that went bankrupt later, or was not bankrupt later, was not bankrupt at the end.
    return False if any(each.day >= end for each in outcomes) else None
