"""Drills late outcomes: the realised quality of two versions, one of which turns out to be bad."""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from scripts.aws.outbox import read_outbox
from scripts.aws.registry import metadata_of
from scripts.data.outcomes import read_outcomes, upload_outcomes
from scripts.model.approval import find_version
from scripts.operate.drills.errors import DrillError
from scripts.operate.drills.watched import NOTE, Watched, sample_companies
from scripts.text import counted

_COMPANIES = 900
_NEW_COMPANIES = 100  # whose outcomes are not known yet
# The horizon is 365 days.
_AGE = timedelta(days=400)
_BANKRUPT_AFTER, _HEALTHY_AFTER, _LATE_AFTER = timedelta(100), timedelta(399), timedelta(390)
_REPEATED, _CONTRADICTING, _UNKNOWN, _LATE, _OPEN = 10, 3, 2, 4, 5

# The key of an outcome, its day, and 0 or 1.
_Row = tuple[str, datetime, int]


@dataclass(frozen=True)
class Quality:
    """The realised quality of a version.

    Attributes
    ----------
    companies, bankruptcies
        Numbers of judged companies and of bankruptcies among them.
    expected_bankruptcies
        The bankruptcies that the probabilities predicted.
    roc_auc, low, high
        ROC-AUC with its interval.
    reason
        Why the quality is too low; empty if it is not.
    """

    companies: int
    bankruptcies: int
    expected_bankruptcies: float
    roc_auc: float
    low: float
    high: float
    reason: str


@dataclass(frozen=True)
class OutcomesDrill:
    """The result of a drill.

    Attributes
    ----------
    run
        The run of monitoring that judged the predictions.
    versions
        The realised quality by version.
    outcomes
        The counts of outcomes by their use.
    message
        Subject of the message that people would have received.
    seconds
        How long the drill took.
    """

    run: str
    versions: Mapping[str, Quality]
    outcomes: Mapping[str, int]
    message: str
    seconds: float


def drill_outcomes(
    watched: Watched,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> OutcomesDrill:
    """Predict companies with two versions, let 400 days pass, and judge both by late outcomes.

    The companies of the first version go bankrupt as its scores predict, and those of the second by chance.

    Parameters
    ----------
    watched
        The service, with a version that was trained on sample data.

    Raises
    ------
    DrillError
        If the second version is not reported, or the first one is.
    """
    began, earlier = clock(), len(read_outbox())
    good = watched.version()
    known: dict[str, tuple[list[str], list[bool]]] = {}
    known[good] = _predict(watched, good, seed=4)
    bad = _copy(watched, good)
    watched.serve(int(bad))
    ids, bankrupt = _predict(watched, bad, seed=5)
    # The same number of bankruptcies, but of companies that have nothing to do with the scores.
    known[bad] = ids, np.random.default_rng(0).permutation(bankrupt).tolist()

    predicted = now() - _AGE
    _set_back(watched, {*known[good][0], *known[bad][0]})
    watched.on_event(f"{_AGE.days} days pass: the log is set back by that time.")
    companies, _ = sample_companies(_NEW_COMPANIES, seed=6)
    watched.predict(companies, "today-")
    first, second = _outcomes(known[good], known[bad], predicted)
    for rows in (first, second):
        new = _upload(watched, rows, now)
        watched.on_event(f"{counted(len(rows), 'outcome')} uploaded, {new:,} of them new.")

    run, result = watched.monitor()
    versions = {version: _quality(facts) for version, facts in result["realised"].items() if version in known}
    for version, quality in versions.items():
        watched.on_event(f"version {version}: {quality.reason or 'its quality is as in training'}")
    if [version for version, quality in versions.items() if quality.reason] != [bad]:
        raise DrillError(f"Monitoring should report version {bad}, and no other.")
    watched.wait_for_alarm("quality", "ALARM")
    message = watched.wait_for_message("quality", earlier)
    return OutcomesDrill(run.run, versions, result["outcomes"], message, clock() - began)


def _predict(watched: Watched, version: str, seed: int) -> tuple[list[str], list[bool]]:
    """Predict companies, and return their ids and whether they go bankrupt."""
    companies, bankrupt = sample_companies(_COMPANIES, seed)
    watched.on_event(f"Predicting {_COMPANIES} companies with version {version}.")
    return watched.predict(companies, f"company-{version}-"), bankrupt


def _copy(watched: Watched, version: str) -> str:
    """Register a copy of a version, and return its number."""
    package = find_version(watched.aws, int(version))
    arn: str = watched.aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=watched.aws.project.model_package_group,
        ModelPackageDescription=NOTE,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification=package["InferenceSpecification"],
        CustomerMetadataProperties=metadata_of(package),
    )["ModelPackageArn"]
    watched.on_event(f"Version {arn.rpartition('/')[2]} is a copy of version {version}.")
    return arn.rpartition("/")[2]


def _set_back(watched: Watched, ids: set[str]) -> None:
    """Move the predictions of companies to an earlier day, in the log's lines and in its keys."""
    s3, bucket = watched.aws.client("s3"), watched.aws.project.bucket
    for number, (key, lines) in enumerate(watched.logged().items()):
        if not ids & {line["id"] for line in lines}:
            continue
        moved = [{**line, "timestamp": _earlier(line["timestamp"])} for line in lines]
        day = datetime.fromisoformat(moved[0]["timestamp"])
        text = "".join(f"{json.dumps(line)}\n" for line in moved)
        s3.put_object(
            Bucket=bucket,
            Key=f"predictions/{day:%Y/%m/%d/%H}/drill-{number}.gz",
            Body=gzip.compress(text.encode()),
        )
        s3.delete_object(Bucket=bucket, Key=key)


def _earlier(timestamp: str) -> str:
    return (datetime.fromisoformat(timestamp) - _AGE).isoformat()


def _outcomes(
    good: tuple[Sequence[str], Sequence[bool]],
    bad: tuple[Sequence[str], Sequence[bool]],
    predicted: datetime,
) -> tuple[list[_Row], list[_Row]]:
    """Return the outcomes of two files; the second one repeats and contradicts some of the first."""
    rows = [
        (id_, predicted + (_BANKRUPT_AFTER if is_bankrupt else _HEALTHY_AFTER), int(is_bankrupt))
        for ids, bankrupt in (good, bad)
        for id_, is_bankrupt in zip(ids, bankrupt, strict=True)
    ]
    failed = [row for row in rows if row[2]]
    healthy = [row for row in rows if not row[2]]
    # Bankrupt after the horizon, and known to be healthy only before its end.
    late = {row[0]: (row[0], predicted + _LATE_AFTER, 1) for row in healthy[:_LATE]}
    early = {row[0]: (row[0], predicted + _BANKRUPT_AFTER, 0) for row in healthy[_LATE:][:_OPEN]}
    first = [{**late, **early}.get(row[0], row) for row in rows]
    again = healthy[-_REPEATED:]
    denied = [(id_, predicted + _HEALTHY_AFTER, 0) for id_, _, _ in failed[:_CONTRADICTING]]
    unknown = [(f"never-predicted-{number}", predicted + _HEALTHY_AFTER, 0) for number in range(_UNKNOWN)]
    return first, [*again, *denied, *unknown]


def _upload(watched: Watched, rows: Iterable[_Row], now: Callable[[], datetime]) -> int:
    """Upload outcomes like `bankruptcy outcomes upload`, and return how many are new."""
    lines = [f"{id_},{day:%Y-%m-%d},{outcome}" for id_, day, outcome in rows]
    with tempfile.TemporaryDirectory(prefix="bankruptcy-drill-") as folder:
        path = Path(folder) / "outcomes.csv"
        path.write_text("\n".join(["id,date,outcome", *lines, ""]), encoding="utf-8")
        return upload_outcomes(watched.aws, read_outcomes(path, now().date()).outcomes).new


def _quality(facts: Mapping[str, Any]) -> Quality:
    metrics = facts["metrics"]
    if metrics is None:
        raise DrillError("Too few bankruptcies are known to state a quality.")
    auc = metrics["roc_auc"]
    return Quality(
        facts["companies"],
        facts["bankruptcies"],
        facts["expected_bankruptcies"],
        auc["value"],
        auc["low"],
        auc["high"],
        facts["reason"],
    )
