"""Predictions as CSV, JSON Lines and a table, with explanations, warnings and a summary."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from rich.console import Console
from support.api.clients import EXPLANATION, Api, prediction

from scripts.companies.output import safe_cell
from scripts.predict.output import CsvOutput, JsonOutput, Summary
from scripts.predict.predictions import Predictions, Result
from scripts.terminal.predictions import TableOutput, show_summary


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=A1", "'=A1"),
        ("+49 30", "'+49 30"),
        ("-5", "-5"),
        ("-x", "'-x"),
        ("@SUM", "'@SUM"),
        ("\t=1", "'\t=1"),
        ("A=1", "A=1"),
        ({"a": 1}, '{"a": 1}'),
        (None, None),
        (7, 7),
    ],
)
def test_no_cell_of_a_result_is_a_formula(cell: Any, written: Any) -> None:
    assert safe_cell(cell) == written


RESULTS = [
    Result(2, prediction(0.25), "3"),
    Result(3, error="'debt' is empty"),
    Result(4, prediction(0.75), "3"),
]


def test_csv_and_json_have_one_line_per_company() -> None:
    lines, objects = io.StringIO(), io.StringIO()
    outputs = (CsvOutput(lines, "line"), JsonOutput(objects, "line"))
    for output in outputs:
        for result in RESULTS:
            output.add(result)
        output.finish()
    assert list(csv.reader(io.StringIO(lines.getvalue()))) == [
        ["line", "prediction", "probability_bankrupt", "risk_level", "model_version", "error"],
        ["2", "0", "0.25", "low", "3", ""],
        ["3", "", "", "", "", "'debt' is empty"],
        ["4", "1", "0.75", "high", "3", ""],
    ]
    first, second, _ = map(json.loads, objects.getvalue().splitlines())
    assert first == {"line": 2, **prediction(0.25), "model_version": "3"}
    assert second == {"line": 3, "error": "'debt' is empty"}


def test_explanations_are_requested_in_smaller_chunks_and_shown_in_every_format(companies: Any) -> None:
    # GIVEN more companies than a request with explanations may have, one of them rejected
    found = companies("assets,debt\n" + "0.5,1\n" * 149 + "7,1\n")
    lines, objects, table = io.StringIO(), io.StringIO(), io.StringIO()
    outputs = (
        CsvOutput(lines, "line", explain=True),
        JsonOutput(objects, "line"),
        TableOutput(table, "line"),
    )
    for result in Predictions(Api(), found, explain=True):
        for output in outputs:
            output.add(result)
    for output in outputs:
        output.finish()
    header, *rows = csv.reader(io.StringIO(lines.getvalue()))
    assert header[-1] == "explanation"
    assert {row[-1] for row in rows[:-1]} == {"debt +0.75; assets [net] -0.25"}
    assert rows[-1][-2:] == ["assets: is too large", ""]
    assert json.loads(objects.getvalue().splitlines()[0])["explanation"] == EXPLANATION
    assert "largest effects" in table.getvalue()
    assert table.getvalue().count("assets [net] -0.25") == 20


def test_warnings_are_shown_with_the_line_of_their_company(companies: Any) -> None:
    # GIVEN more than a request's companies; all of the second request have a value that the API warns of
    found = companies("assets,debt\n" + "0.5,1\n" * 1000 + "-0.5,1\n" * 12)
    summary, objects, stream = Summary("line"), io.StringIO(), io.StringIO()
    output = JsonOutput(objects, "line")
    for result in Predictions(Api(), found):
        summary.add(result)
        output.add(result)
    show_summary(summary, Console(file=stream, width=200), seconds=2.0, path=None)
    # THEN the first ones are shown by line, and JSON Lines have all of them
    shown = stream.getvalue().splitlines()
    assert shown[:2] == ["line 1002: assets: Unlikely.", "line 1003: assets: Unlikely."]
    assert shown[10] == "… and 2 more companies with warnings"
    written = [json.loads(line).get("warnings") for line in objects.getvalue().splitlines()]
    assert written == [None] * 1000 + [["assets: Unlikely."]] * 12


def test_a_table_of_many_companies_shows_the_riskiest() -> None:
    stream = io.StringIO()
    table = TableOutput(stream, "line")
    for number in range(100):
        table.add(Result(number, prediction((number * 37 % 100) / 100), "3"))
    table.finish()
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("The 20 riskiest of 100 companies")
    shown = [line.split() for line in lines[3:]]
    assert [row[1] for row in shown] == [f"{99 - rank}.0%" for rank in range(20)]
    assert shown[0] == ["27", "99.0%", "high", "1"]


def test_a_summary_shows_the_first_errors_and_counts() -> None:
    stream = io.StringIO()
    summary = Summary("line")
    for result in [*RESULTS, *(Result(number, error="is bad") for number in range(5, 20))]:
        summary.add(result)
    show_summary(summary, Console(file=stream, width=200), seconds=2.0, path=None)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "line 3: 'debt' is empty"
    assert lines[10:] == [
        "… and 6 more errors",
        "18 companies in 2.0 s, 9 a second, model version 3",
        "low 1  high 1  errors 16",
    ]
