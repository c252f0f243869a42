"""The results of scoring: in order, in every format, bad lines by line number."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.local_aws.cloud import ROLE
from support.score.portfolios import left_over, run

from scripts.aws.session import Aws
from scripts.companies.errors import CompanyFileError
from scripts.score import parts
from scripts.score.model import ScoringError, choose_model
from scripts.score.scoring import Order, score
from scripts.score.units import gaps

TWO_UNITS = {
    "largest_small": 1.0000001,
    "small_factor": 1e4,
    "smallest_large": 1e5,
    "large_factor": 1e-10,
}


def test_results_are_in_order_with_their_ids_and_bad_lines_are_listed(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a portfolio of many parts with two bad lines
    register("Approved")
    monkeypatch.setattr(parts, "PART_BYTES", 300)
    lines = [f'"Ärzte, {number}",{number / 1000},{number}' for number in range(100)]
    lines[40], lines[70] = "x,much,1", "y,1"
    source, target = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    source.write_bytes(gzip.compress("\n".join(["name,a,b", *lines]).encode()))
    seen: list[tuple[Any, ...]] = []
    # WHEN it is scored
    summary = run(aws, str(source), str(target), seen)
    # THEN each good line has its result, in order, with its kept value
    good = [number for number in range(100) if number not in (40, 70)]
    expected = [f'{number + 2},"Ärzte, {number}",0,{number / 1000},low,1,' for number in good]
    assert target.read_text().splitlines() == [
        "line,name,prediction,probability_bankrupt,risk_level,model_version,error",
        *expected,
    ]
    # AND the bad lines are listed next to the result
    assert (tmp_path / "out.errors.csv").read_text() == (
        "line,column,problem\n42,a,is not a number: 'much'\n72,,has 2 cells instead of 3\n"
    )
    assert (summary.scored, summary.bad, summary.levels) == (98, 2, {"low": 98})
    assert [step for step in seen if step[1] == step[2]][-1] == ("collect", 98, 98)
    # AND nothing remains in the account
    assert left_over(aws) == ([], [])


def test_a_known_base_rate_adds_a_probability_whose_mean_equals_it(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a portfolio of several parts whose mean probability is 0.3
    register("Approved")
    monkeypatch.setattr(parts, "PART_BYTES", 60)
    source = tmp_path / "in.csv"
    source.write_text("id,a,b\n" + "".join(f"C{at},{0.1 + at / 25},1\n" for at in range(11)))
    # WHEN it is scored with a known base rate of 0.2, as CSV and as JSON Lines
    results = {}
    for form in ("csv", "jsonl"):
        target = tmp_path / f"out.{form}"
        order = Order(str(source), str(target), None, f"scoring-score-{form}", ROLE, base_rate=0.2)
        summary = score(aws, order, choose_model(aws, None), lambda *_: None)
        assert summary.mean == pytest.approx(0.3)
        results[form] = target.read_text().splitlines()
    # THEN there is a further probability with that mean, and the others stay
    rows = [json.loads(line) for line in results["jsonl"]]
    adjusted = [row["probability_at_base_rate"] for row in rows]
    assert sum(adjusted) / len(adjusted) == pytest.approx(0.2)
    assert adjusted == sorted(adjusted)
    assert [row["probability_bankrupt"] for row in rows] == pytest.approx([0.1 + at / 25 for at in range(11)])
    header, *lines = results["csv"]
    assert header.endswith(",risk_level,model_version,error,probability_at_base_rate")
    assert [float(line.split(",")[-1]) for line in lines] == adjusted


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("1.2", "1.2e-10 for 1.2. If the true value is 1.2, write 0.00012."),
        ("10000", "1e-06 for 10000. If the true value is 10000, write 1."),
        # Divided by 10,000, it would lie between the two units again.
        (
            "10001",
            "1.0001e-06 for 10001. A true value of 10001 cannot be written: the column supports true values "
            "up to 10,000. Check it.",
        ),
    ],
)
def test_values_between_the_two_units_of_a_column_give_a_warning(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, value: str, advice: str
) -> None:
    # GIVEN a model whose feature b has two units, and values in one, between, and in the other
    register("Approved")
    model = choose_model(aws, None)
    assert model.gaps == ()
    source = tmp_path / "in.csv"
    source.write_text(f"id,a,b\nC1,0.5,1\nC2,0.5,{value}\nC3,0.5,99999\nC4,0.5,1e5\n")
    order = Order(str(source), str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE)
    found = gaps({"features": [{"name": "b", "two_units": TWO_UNITS}, {"name": "a"}]})
    summary = score(aws, order, dataclasses.replace(model, gaps=found), lambda *_: None)
    # THEN all are scored, and the first one between is shown
    assert summary.scored == 4
    assert summary.unit_warnings == [
        f"b: 2 companies with a value between the column's two units. In line 3, the model uses {advice}"
    ]


def test_json_lines_are_read_from_and_written_to_s3(aws: Aws, register: Callable[[str], None]) -> None:
    register("Approved")
    bucket = aws.project.bucket
    body = '{"id": 1, "a": 0.75, "b": 0}\n{"id": 2}\n'
    aws.client("s3").put_object(Bucket=bucket, Key="in.jsonl", Body=body)
    run(aws, f"s3://{bucket}/in.jsonl", f"s3://{bucket}/out/result.jsonl")
    stored = aws.client("s3").get_object(Bucket=bucket, Key="out/result.jsonl")["Body"].read()
    assert json.loads(stored) == {
        "line": 1,
        "id": 1,
        "prediction": 1,
        "probability_bankrupt": 0.75,
        "risk_level": "high",
        "model_version": "1",
    }
    errors = aws.client("s3").get_object(Bucket=bucket, Key="out/result.errors.csv")["Body"].read()
    assert errors.decode().splitlines()[1] == "2,,'b' is missing (and 1 more)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,a,b\n1,0.5,500\n", "ended as Failed: AlgorithmError: See job logs"),
        (
            "id,a,b\n1,0.5,x\n",
            "No company can be scored: 1 bad line, the first: line 2 b is not a number: 'x'",
        ),
        ("id,a,b\n", "has a header but no rows"),
    ],
)
def test_if_nothing_can_be_scored_nothing_is_left(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, content: str, message: str
) -> None:
    register("Approved")
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(content)
    with pytest.raises((ScoringError, CompanyFileError), match=message):
        run(aws, str(source), str(target))
    assert left_over(aws) == ([], [])
    assert not target.exists()


@pytest.mark.parametrize("line", ["", "x,0,0.5,low", "2,0.5"])
def test_incomplete_results_are_rejected(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\n")
    monkeypatch.setattr(parts, "_lines", lambda _: [f"{line}\n"])
    with pytest.raises(ScoringError, match="do not match its 1 company"):
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
