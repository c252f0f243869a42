"""Reading the log of predictions, and the summaries of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.monitoring import companies, lines, profile, write_log

from steps.monitoring import summary as summary_module
from steps.monitoring.log import Batch, Left, Window, read_log
from steps.monitoring.profile import Profile
from steps.monitoring.summary import Summary

PROFILES = {"3": profile("3"), "4": profile("4")}


def read(folder: Path, window: Window | None = None) -> tuple[list[Batch], Left]:
    left = Left()
    return list(read_log(folder, PROFILES, window or Window(), left)), left


def summarized(folder: Path, of: Profile = PROFILES["3"]) -> Summary:
    summary = Summary(of)
    for batch in read(folder)[0]:
        if batch.profile is of:
            summary.add(batch)
    return summary


def test_predictions_are_read_by_version_with_or_without_numbers(tmp_path: Path) -> None:
    features = companies(6, seed=1)
    write_log(tmp_path / "2026" / "a.gz", [*lines(features[:3]), *lines(features[3:5], version="4")])
    (tmp_path / "b.jsonl").write_text("")
    write_log(tmp_path / "c.gz", lines(features[5:], with_features=False))

    batches, left = read(tmp_path)

    assert [(batch.profile.version, len(batch.records)) for batch in batches] == [
        ("3", 3),
        ("4", 2),
        ("3", 1),
    ]
    assert batches[0].features is not None
    np.testing.assert_array_equal(batches[0].features, features[:3])
    assert batches[2].features is None
    assert left == Left()


GOOD = lines(companies(1, seed=1))[0]


def test_numbers_are_read_however_the_client_has_written_them(tmp_path: Path) -> None:
    write_log(
        tmp_path / "a.gz", [{**GOOD, "features": numbers} for numbers in ([1, 10**100, 3], [1.0, 1e100, 3.0])]
    )
    [batch], left = read(tmp_path)
    assert batch.features is not None
    assert batch.features.dtype == float
    np.testing.assert_array_equal(batch.features, [[1.0, 1e100, 3.0]] * 2)
    assert left == Left()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        {**GOOD, "probability": 1.5},
        {**GOOD, "probability": "0.5"},
        {**GOOD, "probability": None},
        {**GOOD, "timestamp": "yesterday"},
        {**GOOD, "timestamp": "2026-03-04T12:00:00"},
        {**GOOD, "contract": "0000000000000000"},
        {**GOOD, "risk_level": "extreme"},
        {**GOOD, "features": [1.0, 2.0]},
        {**GOOD, "features": [1.0, 2.0, "3"]},
        {**GOOD, "features": None},
        {key: value for key, value in GOOD.items() if key != "prediction_id"},
        {key: value for key, value in GOOD.items() if key != "version"},
    ],
    ids=str,
)
def test_a_damaged_line_is_counted_and_the_others_are_read(tmp_path: Path, line: Any) -> None:
    write_log(tmp_path / "a.gz", [GOOD, line, GOOD])
    batches, left = read(tmp_path)
    assert [len(batch.records) for batch in batches] == [2]
    assert left.unreadable == 1


def test_predictions_of_another_time_or_an_unknown_version_are_counted(tmp_path: Path) -> None:
    row = companies(1, seed=1)
    days = ("2026-03-03", "2026-03-04", "2026-03-05")
    write_log(tmp_path / "a.gz", [*(lines(row, day=day)[0] for day in days), *lines(row, version="9")])
    window = Window(datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC))

    batches, left = read(tmp_path, window)

    [batch] = batches
    assert batch.records[0]["timestamp"] == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert (left.other_time, left.unknown_versions) == (2, {"9": 1})


def test_a_summary_counts_bins_levels_days_and_different_companies(tmp_path: Path) -> None:
    features = companies(1000, seed=2)
    features[0] = [-100.0, 1.0, 5.0]  # outside the range, and between two units
    resent = np.concatenate([features, features[:200]])
    write_log(tmp_path / "a.gz", lines(resent))

    summary = summarized(tmp_path)

    assert (summary.predictions, summary.distinct) == (1200, 1000)
    assert summary.counts.sum(axis=1).tolist() == [1200] * 4
    assert summary.levels.sum() == 1200
    assert summary.days == {"2026-03-04": 1200}
    assert summary.sample.outside[:, 0].sum() == 1
    assert summary.sample.in_gap.sum(axis=0).tolist() == [0, 0, 1]
    # The deciles of training companies hold about a tenth of such companies each.
    assert 50 < summary.counts[0].min() <= summary.counts[0].max() < 200


def equal(one: Summary, other: Summary) -> bool:
    return (
        (one.predictions, one.days, one.sources) == (other.predictions, other.days, other.sources)
        and np.array_equal(one.levels, other.levels)
        and np.array_equal(one.counts, other.counts)
        and all(np.array_equal(array, vars(other.sample)[name]) for name, array in vars(one.sample).items())
    )


@pytest.mark.parametrize("with_features", [True, False])
@pytest.mark.parametrize("most", [20_000, 300])
def test_two_halves_give_exactly_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_features: bool, most: int
) -> None:
    # GIVEN companies that are sent again in the other half, some of them with another probability
    monkeypatch.setattr(summary_module, "MOST_COMPANIES", most)
    features = companies(1000, seed=3)
    ids = [f"C{number % 700}" for number in range(1000)]
    logged = lines(features, ids=ids, with_features=with_features)
    write_log(tmp_path / "whole" / "a.gz", logged)
    write_log(tmp_path / "one" / "a.gz", logged[::2])
    write_log(tmp_path / "other" / "a.gz", logged[1::2])
    whole, one, other = (summarized(tmp_path / name) for name in ("whole", "one", "other"))

    # WHEN they are stored, read and merged in any order
    one.write(tmp_path / "one.npz")
    merged = Summary(PROFILES["3"])
    merged.merge(other)
    merged.merge(Summary.read(tmp_path / "one.npz", PROFILES["3"]))

    assert equal(merged, whole)
    assert len(whole.sample.hashes) == min(most, 1000 if with_features else 700)


def test_the_number_of_different_companies_is_estimated_above_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary_module, "MOST_COMPANIES", 1000)
    write_log(tmp_path / "a.gz", lines(companies(5000, seed=4)))
    # The standard error is 1 / sqrt(1000), so this is three of them.
    assert summarized(tmp_path).distinct == pytest.approx(5000, rel=0.1)


def test_an_empty_summary_can_be_merged(tmp_path: Path) -> None:
    write_log(tmp_path / "a.gz", lines(companies(10, seed=5)))
    summary = Summary(PROFILES["3"])
    summary.merge(summarized(tmp_path))
    summary.merge(Summary(PROFILES["3"]))
    assert equal(summary, summarized(tmp_path))
