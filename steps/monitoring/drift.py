"""Finds columns whose companies differ from a reference: more than by chance, and enough to matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, chi2

from steps.measures.metrics import Floats
from steps.monitoring.profile import Profile
from steps.monitoring.summary import Sample

# The chance of any false alarm among all columns of all runs in a month.
FALSE_ALARMS = 0.05
# In credit scoring, an index below 0.1 counts as stable (Siddiqi 2006, "Credit Risk Scorecards").
LEAST_INDEX = 0.1
# No training company is outside the range or between two units.
LEAST_SHARE = 0.01
# With fewer, the test of a column with ten bins is not reliable.
FEWEST_COMPANIES = 100
FEWEST_EXPECTED = 5


@dataclass(frozen=True)
class ColumnDrift:
    """How one column differs from its training companies.

    Attributes
    ----------
    index
        Population stability index, less what is expected by chance alone; 0 if it is less.
    p_value
        The p-value of a chi-square test that both are drawn from the same distribution.
    outside, in_gap
        The share of companies outside the training range, and between two units.
    reason
        Why the column drifts; empty if it does not.
    """

    name: str
    index: float
    p_value: float
    outside: float
    in_gap: float
    reason: str


@dataclass(frozen=True)
class Reference:
    """The companies to compare with: of training, or of a window that a person accepted as normal.

    Attributes
    ----------
    counts
        For each column, the number of companies in each bin.
    """

    counts: tuple[Floats, ...]

    @classmethod
    def training(cls, profile: Profile) -> Reference:
        """Return the training companies."""
        return cls(tuple(shares * profile.companies for shares in profile.shares))

    @classmethod
    def accepted(cls, profile: Profile, sample: Sample) -> Reference:
        """Return the companies of an accepted window; of training, in columns of which it has too few."""
        trained = cls.training(profile).counts
        return cls(
            tuple(
                window if window.sum() >= FEWEST_COMPANIES else training
                for window, training in zip(_counts(profile, sample), trained, strict=True)
            )
        )


def column_drifts(profile: Profile, sample: Sample, reference: Reference, runs: float) -> list[ColumnDrift]:
    """Compare companies with a reference, column by column.

    A column drifts if its index is at least `LEAST_INDEX` and the test is significant, or if significantly
    more than `LEAST_SHARE` of its values are outside the training range or between two units. Significance is
    divided by all columns and by all runs of a month (Bonferroni), so that a month with the same kind of
    companies has a false alarm with a probability of at most `FALSE_ALARMS`.

    Parameters
    ----------
    profile, sample
        The version, and its different companies.
    reference
        The companies to compare with.
    runs
        The number of runs in a month.

    Returns
    -------
    list of ColumnDrift
        One for each feature, and the last for the probability; empty with fewer than `FEWEST_COMPANIES`.
    """
    if len(sample.hashes) < FEWEST_COMPANIES:
        return []
    level = FALSE_ALARMS / (len(profile.columns) * max(runs, 1.0))
    drifts = []
    for position, (name, new, old) in enumerate(
        zip(profile.columns, _counts(profile, sample), reference.counts, strict=True)
    ):
        if new.sum() < FEWEST_COMPANIES:
            continue
        index, p_value = _compare(old, new)
        outside = in_gap = 0.0
        reasons = []
        if index >= LEAST_INDEX and p_value < level:
            reasons.append(f"its distribution differs (index {index:.2f})")
        if position < len(profile.names):
            known = sample.has_features
            outside, is_much = _share(sample.outside[known, position], level)
            in_gap, is_gap_much = _share(sample.in_gap[known, position], level)
            if is_much:
                reasons.append(f"{outside:.1%} of its values are outside the training range")
            if is_gap_much:
                reasons.append(f"{in_gap:.1%} of its values are between its two units")
        drifts.append(ColumnDrift(name, index, p_value, outside, in_gap, "; ".join(reasons)))
    return drifts


def _counts(profile: Profile, sample: Sample) -> list[Floats]:
    """Return the number of companies in each bin of each column."""
    with_features = sample.bins[sample.has_features]
    columns = [with_features[:, position] for position in range(len(profile.names))] + [sample.bins[:, -1]]
    return [
        np.bincount(column, minlength=len(shares)).astype(float)
        for column, shares in zip(columns, profile.shares, strict=True)
    ]


def _compare(old: Floats, new: Floats) -> tuple[float, float]:
    """Return the excess population stability index, and the p-value of a chi-square test."""
    n_old, n_new = old.sum(), new.sum()
    old, new = _merged(old, new)
    if len(old) < 2:  # a column with one value
        return 0.0, 1.0
    together = (old + new) / (n_old + n_new)
    statistic = np.sum((old - n_old * together) ** 2 / (n_old * together)) + np.sum(
        (new - n_new * together) ** 2 / (n_new * together)
    )
    freedom = len(old) - 1
    # An empty bin counts as half a company.
    old_share, new_share = np.maximum(old, 0.5) / n_old, np.maximum(new, 0.5) / n_new
    index = float(np.sum((new_share - old_share) * np.log(new_share / old_share)))
    # For two samples from one distribution, the mean of the index is about this (Yurdakul 2018,
    # "Statistical properties of population stability index").
    expected = freedom * (1 / n_old + 1 / n_new)
    return max(index - expected, 0.0), float(chi2.sf(statistic, freedom))


def _merged(old: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Join neighbouring bins, so that at least `FEWEST_EXPECTED` new companies are expected in each.

    With fewer, a chi-square test finds differences that are chance.
    """
    expected = (old + new) * new.sum() / (old.sum() + new.sum())
    starts = [0]
    collected = 0.0
    for position, count in enumerate(expected):
        if collected >= FEWEST_EXPECTED and expected[position:].sum() >= FEWEST_EXPECTED:
            starts.append(position)
            collected = 0.0
        collected += count
    return np.add.reduceat(old, starts), np.add.reduceat(new, starts)


def _share(values: Floats, level: float) -> tuple[float, bool]:
    """Return the share of true values, and whether it is significantly above `LEAST_SHARE`."""
    count, found = len(values), int(np.sum(values))
    if not found:
        return 0.0, False
    # The lower bound of Clopper and Pearson.
    lowest = float(beta.ppf(level, found, count - found + 1))
    return found / count, lowest > LEAST_SHARE
