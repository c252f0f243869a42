"""Files of outcomes are read as people write them, and a file with a wrong line is rejected as a whole."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from scripts.data.outcomes import Outcome, OutcomesError, read_outcomes

TODAY = date(2026, 11, 30)


def read(folder: Path, text: str, name: str = "outcomes.csv") -> tuple[list[tuple[str, ...]], str]:
    path = folder / name
    path.write_bytes(text.encode())
    found = read_outcomes(path, TODAY)
    return [tuple(each) for each in found.outcomes], found.ignored_columns


@pytest.mark.parametrize(
    "header",
    ["id,date,outcome", " ID , Date ,Bankrupt?", "company_id,DATE,label", "Company id,date,bankrupt"],
)
def test_columns_have_the_names_that_people_write(tmp_path: Path, header: str) -> None:
    assert read(tmp_path, f"{header}\nB,2026-03-31,1\nA,2026-03-31,0.0\n") == (
        [("", "A", "2026-03-31", "0"), ("", "B", "2026-03-31", "1")],
        "",
    )


def test_lines_name_a_prediction_or_a_company(tmp_path: Path) -> None:
    text = 'Prediction ID,id,date,outcome,Name\np-1,,2026-11-30,1,x\n,"A, 7",2026-11-29,0,y\n'
    assert read(tmp_path, text) == (
        [("", "A, 7", "2026-11-29", "0"), ("p-1", "", "2026-11-30", "1")],
        "'Name'",
    )


def test_json_lines_and_compressed_files_are_read(tmp_path: Path) -> None:
    lines = [
        {"id": 7, "date": "2026-01-02", "bankrupt": 1, "Name": "x"},
        {"id": "8", "prediction_id": None, "date": "2026-01-02", "bankrupt": 0.0},
    ]
    text = "\n\n".join(map(json.dumps, lines))
    expected = [("", "7", "2026-01-02", "1"), ("", "8", "2026-01-02", "0")]
    assert read(tmp_path, text, "outcomes.jsonl") == (expected, "'Name'")
    path = tmp_path / "outcomes.csv.gz"
    path.write_bytes(gzip.compress(b"id,date,outcome\n8,2026-01-02,0\n"))
    assert read_outcomes(path, TODAY).outcomes == [Outcome("", "8", "2026-01-02", "0")]


def test_a_company_can_have_several_outcomes(tmp_path: Path) -> None:
    text = "id,date,outcome\nA,2026-01-01,0\nA,2026-02-01,0\nA,2026-02-02,1\nA,2026-03-01,1\n"
    assert len(read(tmp_path, text)[0]) == 4


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (",,2026-01-01,1", "line 2 has neither a prediction_id nor an id"),
        ("p,A,2026-01-01,1", "line 2 has both a prediction_id and an id; keep the one"),
        (",A,,1", "line 2 has no date"),
        (",A,31.12.2025,1", "line 2 has the date '31.12.2025'; it must be a day such as 2026-03-31"),
        (",A,20260101,1", "line 2 has the date '20260101'; it must be a day"),
        (",A,2026-02-30,1", "line 2 has the date '2026-02-30'; it must be a day"),
        (",A,2026-12-01,1", "line 2 has the date 2026-12-01, which is in the future"),
        (",A,2026-01-01,", "line 2 has no outcome"),
        (",A,2026-01-01,yes", "line 2 has the outcome 'yes'; it must be 0 or 1"),
        (",A,2026-01-01", "line 2 has 3 cells instead of 4"),
        (",A,2026-01-01,1\n,A,2026-01-01,1.0", "line 3 repeats line 2"),
        (
            ",A,2026-01-01,1\n,B,2026-01-01,1\n,A,2026-01-01,0",
            "line 4 contradicts line 2: bankrupt on 2026-01-01, not bankrupt on 2026-01-01",
        ),
        (
            ",A,2026-05-01,0\n,A,2026-01-01,1",
            "line 3 contradicts line 2: bankrupt on 2026-01-01, not bankrupt on 2026-05-01",
        ),
    ],
)
def test_wrong_lines_are_listed_by_line_number(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(OutcomesError) as raised:
        read(tmp_path, f"prediction_id,id,date,outcome\n{line}\n")
    first, *found = raised.value.problem.split("\n")
    assert first == f"{tmp_path}/outcomes.csv has wrong lines, and nothing was uploaded:"
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_the_first_twenty_wrong_lines_are_listed(tmp_path: Path) -> None:
    with pytest.raises(OutcomesError) as raised:
        read(tmp_path, "id,date,outcome\n" + "A,2026-01-01,2\n" * 23)
    found = raised.value.problem.split("\n")
    assert (len(found), found[-2:]) == (
        22,
        ["line 21 has the outcome '2'; it must be 0 or 1", "… and 3 more lines"],
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "line 1 is not a JSON object"),
        ("{", "line 1 is not JSON: "),
        (
            '{"id": [1], "date": "2026-01-01", "label": 1}',
            "line 1 has a value of 'id' that is neither text nor a number",
        ),
        ('{"id": "A", "date": "2026-01-01", "label": true}', "line 1 has a value of 'label' that is neither"),
        ('{"id": "A", "label": 1}', "line 1 has no date"),
        ('{"id": "A", "id": "B"}', "line 1 'id' is given more than once"),
        ('{"label": 1, "outcome": 1}', "line 1 has more than one column for outcome: 'label' and 'outcome'"),
    ],
)
def test_wrong_json_is_listed_by_line_number(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(OutcomesError) as raised:
        read(tmp_path, text, "outcomes.jsonl")
    assert raised.value.problem.split("\n")[1].startswith(problem)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("o.csv", "date,outcome\n2026-01-01,1\n", "has neither a column 'prediction_id' nor a column 'id'"),
        ("o.csv", "id,outcome\nA,1\n", "has no column 'date'"),
        ("o.csv", "id,date\nA,2026-01-01\n", "has no column 'outcome'"),
        ("o.csv", "id;date;outcome\nA;2026-01-01;1\n", "seems to be separated by ';'; use commas."),
        ("o.csv", "id,date,label,Outcome\nA,2026-01-01,1,1\n", "for outcome: 'label' and 'Outcome'."),
        ("o.csv", "id,date,outcome\n", "has no outcomes."),
        ("o.csv", "", "is empty."),
        ("o.jsonl", "\n", "has no outcomes."),
        ("o.json", "[]", "is JSON."),
        ("o.xlsx", "PK", "is not text."),
    ],
)
def test_files_of_another_form_are_rejected(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(OutcomesError) as raised:
        read(tmp_path, text, name)
    assert raised.value.problem.startswith(str(tmp_path / name))
    assert problem in raised.value.problem
