"""Outcomes are joined to the right predictions, and every outcome is counted."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.monitoring import companies, lines, probabilities, profile, write_log, write_profiles

from steps import judge_predictions, summarize_predictions
from steps.job import DataError, ParameterError
from steps.monitoring.outcomes import COLUMNS, Key, Outcomes, join, matches, read_outcomes
from steps.monitoring.realised import realised_quality

NOW = datetime(2027, 6, 1, tzinfo=UTC)
HORIZON = 365


def write_outcomes(folder: Path, *rows: tuple[str, str, str, int], name: str = "a") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder


def joined(folder: Path, *rows: tuple[str, str, str, int], days: tuple[str, ...] = ("2026-03-04",)) -> Any:
    """Join outcomes to the predictions of the same three companies, called A, B and C, on some days."""
    features = companies(3, seed=1)
    logged = [line for day in days for line in lines(features, day=day, ids=["A", "B", "C"])]
    outcomes = read_outcomes(write_outcomes(folder, *rows))
    return join([*found(logged, outcomes, folder)], outcomes, NOW, HORIZON)


def found(logged: list[dict[str, Any]], outcomes: Outcomes, folder: Path) -> Any:
    from steps.monitoring.log import Left, Window, read_log

    write_log(folder / "log" / "a.gz", logged)
    for batch in read_log(folder / "log", {"3": profile()}, Window(), Left()):
        yield from matches(batch, outcomes)


def judged(result: Any) -> dict[str, bool]:
    return {each.match.prediction_id: each.is_bankrupt for each in result.judged}


def test_outcomes_name_a_prediction_or_a_company(tmp_path: Path) -> None:
    result = joined(
        tmp_path,
        ("3-2026-03-04-0", "", "2026-10-01", 1),
        ("", "B", "2027-03-04", 0),
        ("", "Z", "2027-01-01", 1),
    )
    assert judged(result) == {"3-2026-03-04-0": True, "3-2026-03-04-1": False}
    assert (result.unknown, result.waiting, result.open) == (1, 0, 0)


@pytest.mark.parametrize(
    ("day", "outcome", "answer", "counts"),
    [
        ("2027-03-04", 1, True, {}),  # the last day of the horizon
        ("2027-03-05", 1, False, {"late": 1}),
        ("2027-03-04", 0, False, {}),
        ("2027-03-03", 0, None, {"open": 1}),  # alive a day too early says nothing
    ],
)
def test_the_horizon_decides(
    tmp_path: Path, day: str, outcome: int, answer: bool | None, counts: dict[str, int]
) -> None:
    result = joined(tmp_path, ("", "A", day, outcome))
    assert judged(result) == ({} if answer is None else {"3-2026-03-04-0": answer})
    assert {name: getattr(result, name) for name in ("late", "open")} == {"late": 0, "open": 0, **counts}


def test_predictions_wait_for_their_horizon_even_if_the_company_went_bankrupt(tmp_path: Path) -> None:
    result = joined(tmp_path, ("", "A", "2027-02-01", 1), days=("2027-01-01",))
    assert (judged(result), result.waiting) == ({}, 1)


def test_a_company_is_judged_once_by_its_first_prediction(tmp_path: Path) -> None:
    days = ("2026-03-04", "2026-02-01", "2026-04-01")
    result = joined(tmp_path, ("", "A", "2026-12-01", 1), days=days)
    assert judged(result) == {"3-2026-02-01-0": True}
    assert result.again == 2


def test_repeated_and_contradicting_outcomes_are_counted(tmp_path: Path) -> None:
    result = joined(
        tmp_path,
        ("", "A", "2026-12-01", 1),
        ("", "A", "2026-12-01", 1),
        ("", "A", "2026-06-01", 0),  # alive before: no contradiction
        ("", "B", "2026-12-01", 1),
        ("", "B", "2027-04-01", 0),  # alive after the bankruptcy
    )
    assert judged(result) == {"3-2026-03-04-0": True}
    assert result.contradicting == 1
    outcomes = read_outcomes(tmp_path)
    assert (outcomes.given, outcomes.repeated) == (5, 1)
    assert len(outcomes.by_key[Key("id", "A")]) == 2


@pytest.mark.parametrize("line", [("", "A", "soon", 1), ("", "", "2026-01-01", 1)])
def test_a_damaged_file_of_outcomes_is_an_error_that_names_it(
    tmp_path: Path, line: tuple[str, str, str, int]
) -> None:
    write_outcomes(tmp_path, line, name="bad")
    with pytest.raises(DataError, match=r"bad\.csv are damaged") as error:
        read_outcomes(tmp_path)
    assert "outcomes upload" in error.value.hint


def judgements(count: int, factor: float, seed: int) -> list[Any]:
    """Return predictions with outcomes; a factor of 0 makes the outcomes independent of the predictions."""
    from steps.monitoring.outcomes import Judged, Match

    features = companies(count, seed=seed)
    probability = probabilities(features)
    generator = np.random.default_rng(seed)
    truth = probability if factor else np.full(count, probability.mean())
    outcome = generator.random(count) < truth
    return [
        Judged(Match("id", str(i), str(i), "3", "2026-03-04T12:00:00+00:00", p, "low", i), bool(y))
        for i, (p, y) in enumerate(zip(probability.tolist(), outcome.tolist(), strict=True))
    ]


def test_a_useless_model_is_noticed_and_a_good_one_is_not() -> None:
    good = realised_quality(profile(), judgements(3000, 1.0, seed=2), seed=3)
    assert good["reason"] == ""
    assert good["metrics"]["roc_auc"]["value"] == pytest.approx(0.8, abs=0.06)
    assert good["expected_bankruptcies"] == pytest.approx(good["bankruptcies"], rel=0.2)

    useless = realised_quality(profile(), judgements(3000, 0.0, seed=4), seed=5)
    assert useless["metrics"]["roc_auc"]["value"] == pytest.approx(0.5, abs=0.08)
    assert re.fullmatch(
        r"its ROC-AUC is at most 0\.\d{3}, and was 0\.800 on training companies out of fold",
        useless["reason"],
    )


def test_below_twenty_bankruptcies_the_quality_is_not_measured() -> None:
    few = realised_quality(profile(), judgements(200, 1.0, seed=6), seed=7)
    assert few["bankruptcies"] < 20
    assert few["metrics"] is None
    assert few["levels"]["low"]["companies"] == 200


def summarize(base: Path, host: str = "algo-1", **options: str) -> None:
    arguments = [f"--{name}={base / name}" for name in ("predictions", "history", "profiles", "outcomes")]
    more = [f"--{name}={value}" for name, value in options.items()]
    summarize_predictions.main([*arguments, f"--summaries={base / 'summaries'}", f"--host={host}", *more])


def judge(base: Path) -> dict[str, Any]:
    arguments = [
        f"--{name}={base / name}" for name in ("summaries", "profiles", "outcomes", "accepted", "previous")
    ]
    judge_predictions.main([*arguments, f"--monitoring={base / 'monitoring'}", f"--now={NOW.isoformat()}"])
    document: dict[str, Any] = json.loads(
        (base / "monitoring" / "monitoring.json").read_text(encoding="utf-8")
    )
    return document


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return the folders of the jobs: predictions of today, and of last year, with outcomes."""
    for name in ("predictions", "history", "summaries", "accepted", "previous"):
        (tmp_path / name).mkdir()
    write_profiles(tmp_path / "profiles", "3", "4")
    today = companies(600, seed=21)
    today[:, 1] *= 1.6
    write_log(tmp_path / "predictions" / "a.gz", lines(today, version="4", day="2027-05-31"))
    before = companies(2000, seed=22)
    names = [f"F{number}" for number in range(2000)]
    write_log(tmp_path / "history" / "a.gz", lines(before, day="2026-03-04", ids=names))
    generator = np.random.default_rng(23)
    truth = generator.random(2000) < probabilities(before)
    write_outcomes(
        tmp_path / "outcomes",
        *(
            ("", name, "2027-04-01" if not y else "2026-12-01", int(y))
            for name, y in zip(names, truth, strict=True)
        ),
        ("", "nobody", "2027-04-01", 0),
    )
    return tmp_path


def test_the_jobs_judge_today_by_training_and_last_year_by_outcomes(base: Path) -> None:
    summarize(base)
    document = judge(base)

    assert document["predictions"] == 600
    assert document["alarms"]["quality"] == []
    assert document["alarms"]["drift"][0].startswith("version 4, debt: its distribution differs")
    assert document["realised"]["3"]["companies"] == 2000
    assert document["realised"]["3"]["metrics"]["roc_auc"]["value"] == pytest.approx(0.8, abs=0.08)
    assert document["outcomes"] == {
        "given": 2001,
        "repeated": 0,
        "judged": 2000,
        "waiting": 0,
        "again": 0,
        "late": 0,
        "contradicting": 0,
        "open": 0,
        "unknown": 1,
    }
    page = (base / "monitoring" / "monitoring.html").read_text(encoding="utf-8")
    assert "version 4, debt: its distribution differs" in page
    assert "2,000" in page


def test_two_instances_give_what_one_gives(base: Path) -> None:
    summarize(base)
    expected = judge(base)
    # GIVEN the files spread over two instances, and a third one without any
    for path in (base / "summaries").iterdir():
        path.unlink()
    split = base / "split"
    for name in ("profiles", "outcomes"):
        (split).mkdir(exist_ok=True)
        (split / name).symlink_to(base / name)
    for folder in ("predictions", "history"):
        (split / folder).mkdir()
    (split / "predictions" / "a.gz").symlink_to(base / "predictions" / "a.gz")
    (split / "summaries").symlink_to(base / "summaries")
    summarize(split, host="algo-2")
    (split / "predictions" / "a.gz").unlink()
    (split / "history" / "a.gz").symlink_to(base / "history" / "a.gz")
    summarize(split, host="algo-1")
    (split / "history" / "a.gz").unlink()
    summarize(split, host="algo-3")

    assert judge(base) == expected


def test_an_accepted_window_ends_the_alarm_and_history_grows(base: Path) -> None:
    summarize(base)
    first = judge(base)
    assert first["alarms"]["drift"]
    (base / "monitoring" / "4.npz").rename(base / "accepted" / "4.npz")
    (base / "monitoring" / "monitoring.json").rename(base / "previous" / "monitoring.json")

    second = judge(base)

    assert second["alarms"]["drift"] == []
    assert second["versions"]["4"]["compared_with"] == "accepted window"
    assert [run["drifting"] for run in second["history"]] == [len(first["alarms"]["drift"]), 0]


def test_an_empty_log_is_judged_too(base: Path) -> None:
    for folder in ("predictions", "history"):
        (base / folder / "a.gz").unlink()
    summarize(base)
    document = judge(base)
    assert (document["predictions"], document["versions"], document["realised"]) == (0, {}, {})
    assert document["outcomes"]["unknown"] == 2001
    assert "No predictions." in (base / "monitoring" / "monitoring.html").read_text(encoding="utf-8")


def test_a_window_without_a_time_zone_is_refused(base: Path) -> None:
    with pytest.raises(ParameterError, match=r"--start is '2026-01-01'; it must be none, or like"):
        summarize(base, start="2026-01-01")
