"""Reads the log of predictions: compressed lines of JSON, one for each company."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steps.measures.metrics import Floats
from steps.monitoring.profile import Profile

# Memory stays the same however long the log is.
_LINES_AT_ONCE = 5_000


@dataclass(frozen=True)
class Batch:
    """Logged predictions of one version.

    Attributes
    ----------
    profile
        The version's training companies.
    records
        The lines as they were logged.
    probability : array of shape (n,)
        The probabilities of bankruptcy.
    features : array of shape (n, features) or None
        The companies' numbers; None if they were not logged.
    companies : array of shape (n,)
        A hash of each company: of its numbers; without them of its id or, without an id, of its prediction.
    """

    profile: Profile
    records: Sequence[Mapping[str, Any]]
    probability: Floats
    features: Floats | None
    companies: NDArray[np.uint64]


@dataclass
class Left:
    """The number of lines that are left out.

    Attributes
    ----------
    unreadable
        Lines that are damaged, or do not fit the contract of their version.
    other_time
        Lines whose own time is outside the window.
    unknown_versions
        Lines of versions without a profile, by version.
    """

    unreadable: int = 0
    other_time: int = 0
    unknown_versions: dict[str, int] = field(default_factory=dict)

    def count_version(self, version: str, by: int = 1) -> None:
        """Count lines of a version without a profile."""
        self.unknown_versions[version] = self.unknown_versions.get(version, 0) + by

    def add(self, other: Mapping[str, Any]) -> None:
        """Add the numbers of another instance, as `as_dict` returns them."""
        self.unreadable += other["unreadable"]
        self.other_time += other["other_time"]
        for version, count in other["unknown_versions"].items():
            self.count_version(version, count)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Window:
    """The time of the predictions to read; None for no limit. The end is exclusive."""

    start: datetime | None = None
    end: datetime | None = None

    def contains(self, moment: datetime) -> bool:
        """Return whether a time is in the window."""
        return (self.start is None or moment >= self.start) and (self.end is None or moment < self.end)


def read_log(folder: Path, profiles: Mapping[str, Profile], window: Window, left: Left) -> Iterator[Batch]:
    """Yield the predictions in a folder's files, which may be compressed.

    Parameters
    ----------
    folder
        The log, in any folders beneath.
    profiles
        The profiles by version.
    window
        Predictions of another time are left out.
    left
        Counts the lines that are left out.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as lines:
            while chunk := list(islice(lines, _LINES_AT_ONCE)):
                yield from _batches(chunk, profiles, window, left)


def _batches(
    lines: Sequence[bytes], profiles: Mapping[str, Profile], window: Window, left: Left
) -> Iterator[Batch]:
    groups: dict[tuple[str, bool], list[dict[str, Any]]] = defaultdict(list)
    for document in _documents(lines):
        record = _parsed(document)
        if record is None:
            left.unreadable += 1
        elif not window.contains(record["timestamp"]):
            left.other_time += 1
        elif record["version"] not in profiles:
            left.count_version(record["version"])
        elif not _fits(record, profiles[record["version"]]):
            left.unreadable += 1
        else:
            groups[record["version"], "features" in record].append(record)
    for (version, has_features), records in groups.items():
        features = np.array([record["features"] for record in records], dtype=float) if has_features else None
        yield Batch(
            profiles[version],
            records,
            np.array([record["probability"] for record in records]),
            features,
            _hashes(records, features),
        )


def _documents(lines: Sequence[bytes]) -> list[Any]:
    """Return the JSON of each line; None for damaged ones."""
    try:
        # Parsing all lines at once saves a third of the time.
        documents: list[Any] = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        documents = []
    return documents if len(documents) == len(lines) else [_document(line) for line in lines]


def _document(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _parsed(record: Any) -> dict[str, Any] | None:
    """Return a line's record with its time parsed; None if the line is damaged."""
    try:
        record["timestamp"] = datetime.fromisoformat(record["timestamp"])
        record["version"] = str(record["version"])
        is_valid = 0 <= record["probability"] <= 1 and record["timestamp"].tzinfo and record["prediction_id"]
    except (KeyError, TypeError, ValueError):
        return None
    return dict(record) if is_valid else None


def _fits(record: Mapping[str, Any], profile: Profile) -> bool:
    """Return whether a record's numbers belong to the features of its version."""
    if record.get("contract") != profile.contract or record.get("risk_level") not in profile.levels:
        return False
    features = record.get("features")
    if features is None:
        return "features" not in record
    return len(features) == len(profile.names) and set(map(type, features)) <= {int, float}


def _hashes(records: Sequence[Mapping[str, Any]], features: Floats | None) -> NDArray[np.uint64]:
    if features is None:
        keys = [str(record.get("id") or record["prediction_id"]).encode() for record in records]
    else:
        keys = [row.tobytes() for row in np.ascontiguousarray(features, dtype=float)]
    digests = b"".join(hashlib.blake2b(key, digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype=np.uint64)
