"""A summary of predictions that can be merged: that of two halves is that of the whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steps.measures.metrics import Floats
from steps.monitoring.log import Batch
from steps.monitoring.profile import Profile

# The tests of drift and the estimates of quality use at most this many different companies. More would find
# differences that are too small to matter.
MOST_COMPANIES = 20_000

Counts = NDArray[np.int64]


@dataclass
class Sample:
    """A random sample of different companies: those with the smallest hashes.

    A company that is sent again is not counted again. With at most `MOST_COMPANIES` different companies, the
    sample has all of them.

    Attributes
    ----------
    hashes : array of shape (k,), rising
    bins : array of shape (k, columns)
        The bin of each value; see `Profile.bins`.
    outside, in_gap : arrays of shape (k, features)
        Whether a value is outside the training range, or between two units.
    probability : array of shape (k,)
    has_features : array of shape (k,)
        Whether the company's numbers were logged.
    """

    hashes: NDArray[np.uint64]
    bins: NDArray[np.uint8]
    outside: NDArray[np.bool_]
    in_gap: NDArray[np.bool_]
    probability: Floats
    has_features: NDArray[np.bool_]

    @classmethod
    def of(cls, batch: Batch) -> Sample:
        """Return the sample of a batch."""
        profile, features, count = batch.profile, batch.features, len(batch.probability)
        nothing = np.zeros((count, len(profile.names)), dtype=bool)
        return cls(
            batch.companies,
            profile.bins(features, batch.probability),
            nothing if features is None else profile.outside(features),
            nothing if features is None else profile.in_gap(features),
            batch.probability,
            np.full(count, features is not None),
        )._reduced()

    @classmethod
    def empty(cls, profile: Profile) -> Sample:
        """Return a sample without companies."""
        columns, features = len(profile.columns), len(profile.names)
        return cls(
            np.zeros(0, dtype=np.uint64),
            np.zeros((0, columns), dtype=np.uint8),
            np.zeros((0, features), dtype=bool),
            np.zeros((0, features), dtype=bool),
            np.zeros(0),
            np.zeros(0, dtype=bool),
        )

    def merged(self, other: Sample) -> Sample:
        """Return the sample of both."""
        return Sample(
            **{name: np.concatenate([array, getattr(other, name)]) for name, array in vars(self).items()}
        )._reduced()

    def _reduced(self) -> Sample:
        # Companies without numbers can have several probabilities. Whatever the order, the lowest is kept.
        order = np.lexsort((self.probability, self.hashes))
        is_first = np.append(True, np.diff(self.hashes[order]) > 0) if len(order) else order.astype(bool)
        kept = order[is_first][:MOST_COMPANIES]
        return Sample(**{name: array[kept] for name, array in vars(self).items()})


@dataclass
class Summary:
    """The predictions of one version in a window.

    Attributes
    ----------
    profile
        The version's training companies.
    predictions
        Number of predictions.
    levels : array of shape (levels,)
        Number of predictions at each risk level.
    days
        Number of predictions by day, in UTC.
    sources
        Number of predictions by source, such as api or batch.
    counts : array of shape (columns, bins)
        Number of predictions in each bin; the features only of those whose numbers were logged.
    sample
        A sample of different companies.
    """

    profile: Profile
    predictions: int = 0
    levels: Counts = field(init=False)
    days: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    counts: Counts = field(init=False)
    sample: Sample = field(init=False)

    def __post_init__(self) -> None:
        bins = max(len(shares) for shares in self.profile.shares)
        self.levels = np.zeros(len(self.profile.levels), dtype=np.int64)
        self.counts = np.zeros((len(self.profile.columns), bins), dtype=np.int64)
        self.sample = Sample.empty(self.profile)

    @property
    def distinct(self) -> int:
        """The number of different companies, exact up to `MOST_COMPANIES` and estimated above."""
        count = len(self.sample.hashes)
        if count < MOST_COMPANIES:
            return count
        # The largest of k smallest hashes among n random ones lies at k / n of their range.
        return round((count - 1) / (float(self.sample.hashes[-1]) / 2**64))

    def add(self, batch: Batch) -> None:
        """Add predictions."""
        profile = self.profile
        binned = profile.bins(batch.features, batch.probability)
        columns = range(len(profile.columns)) if batch.features is not None else [len(profile.columns) - 1]
        for column in columns:
            self.counts[column] += np.bincount(binned[:, column], minlength=self.counts.shape[1])
        levels = Counter(record["risk_level"] for record in batch.records)
        self.levels = self.levels + np.array([levels[level] for level in profile.levels])
        for day, count in Counter(record["timestamp"].date() for record in batch.records).items():
            _count(self.days, day.isoformat(), count)
        for source, count in Counter(str(record.get("source")) for record in batch.records).items():
            _count(self.sources, source, count)
        self.predictions += len(batch.records)
        self.sample = self.sample.merged(Sample.of(batch))

    def merge(self, other: Summary) -> None:
        """Add the predictions of another summary of the same version."""
        self.predictions += other.predictions
        self.levels = self.levels + other.levels
        self.counts = self.counts + other.counts
        for mine, theirs in ((self.days, other.days), (self.sources, other.sources)):
            for key, count in theirs.items():
                _count(mine, key, count)
        self.sample = self.sample.merged(other.sample)

    def write(self, path: Path) -> None:
        """Write the summary to a file in NumPy's format."""
        facts: dict[str, Any] = {
            "predictions": self.predictions,
            "days": self.days,
            "sources": self.sources,
        }
        np.savez_compressed(
            path,
            facts=np.array(json.dumps(facts)),
            levels=self.levels,
            counts=self.counts,
            **vars(self.sample),
        )

    @classmethod
    def read(cls, path: Path, profile: Profile) -> Summary:
        """Read what `write` has written."""
        # Without pickles: a file can't run code.
        with np.load(path, allow_pickle=False) as arrays:
            summary = cls(profile)
            facts = json.loads(str(arrays["facts"]))
            summary.predictions = facts["predictions"]
            summary.days, summary.sources = facts["days"], facts["sources"]
            summary.levels, summary.counts = arrays["levels"], arrays["counts"]
            summary.sample = Sample(**{name: arrays[name] for name in vars(summary.sample)})
            return summary


def _count(counts: dict[str, int], key: str, by: int) -> None:
    counts[key] = counts.get(key, 0) + by
