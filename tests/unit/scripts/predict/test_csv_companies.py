"""Companies from CSV: bad lines, columns and ids."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from support.api.clients import Api, outcomes

from inference.numbers import number_problem
from scripts.companies.company_file import read_companies
from scripts.companies.csv_companies import CsvCompanies
from scripts.companies.errors import CompanyFileError
from scripts.companies.ids import default_ids
from scripts.predict.output import CsvOutput
from scripts.predict.predictions import Predictions


def test_a_bad_line_is_reported_by_line_number_and_the_others_are_predicted(companies: Any) -> None:
    text = 'assets,debt\n0.1,1\n0.2,n/a\n\n0.3\n"0.4\n",4\n,5\n0.6,inf\n2,7\n0.8,8\n'
    assert outcomes(Predictions(Api(), companies(text))) == [
        (2, 0.1),
        (3, "'debt' is not a number: 'n/a'"),
        (5, "has 1 cell instead of 2"),
        (6, 0.4),
        (8, "'assets' is empty"),
        (9, "'debt' is not a finite number: 'inf'"),
        (10, "assets: is too large"),
        (11, 0.8),
    ]


def test_a_decimal_comma_does_not_shift_the_columns(companies: Any) -> None:
    found = companies("assets,debt,name\n0.1,1,a\n0,1,1,a\n")
    assert outcomes(Predictions(Api(), found)) == [(2, 0.1), (3, "has 4 cells instead of 3")]


@pytest.mark.parametrize("cell", ["1_0", "١", "TRUE", "1e200"])
def test_numbers_that_only_python_accepts_are_rejected(companies: Any, cell: str) -> None:
    found = companies(f"assets,debt\n0.1,{cell}\n")
    assert outcomes(Predictions(Api(), found)) == [(2, f"'debt' {number_problem(cell)}: {cell!r}")]


def test_a_quotation_mark_that_is_never_closed_costs_no_other_line(companies: Any) -> None:
    found = companies('name,assets,debt\n"A,0.1,1\nB,0.2,2\nC,0.3,3\n')
    assert outcomes(Predictions(Api(), found)) == [
        (2, "has a quotation mark that is never closed"),
        (3, 0.2),
        (4, 0.3),
    ]


def test_a_duplicate_column_is_rejected(companies: Any) -> None:
    with pytest.raises(CompanyFileError, match="has more than one column 'debt'; each name must be unique"):
        Predictions(Api(), companies("assets,debt, debt\n0.1,1,2\n"))


def test_the_problem_of_a_file_is_described(companies: Any, tmp_path: Path) -> None:
    with pytest.raises(
        CompanyFileError, match=r"lacks 1 of the model's 2 columns: 'debt' \(the file has 'dept'\)"
    ):
        Predictions(Api(), companies("assets,dept\n0.1,1\n"))
    for empty in ("companies.csv", "companies.json"):
        (tmp_path / empty).write_text("")
        with pytest.raises(CompanyFileError, match=f"{empty} is empty"):
            read_companies(tmp_path / empty)
    with pytest.raises(CompanyFileError, match="can't be read"):
        CsvCompanies(tmp_path / "nowhere.csv")


def test_the_ids_of_companies_stand_beside_their_predictions(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text('Bankrupt?,company,assets,debt\n0,=1+1,0.1,1\n1,"two\nlines",0.2,2\n1,C,0.3\n')
    for keep, ids in ((None, ["'=1+1", "two\nlines", ""]), (["debt", "company"], ["1", "2", ""])):
        companies = read_companies(path, keep)
        written = io.StringIO()
        output = CsvOutput(written, companies.unit, companies.ids)
        for result in Predictions(Api(), companies):
            output.add(result)
        header, *rows = csv.reader(io.StringIO(written.getvalue()))
        assert header[1 : 1 + len(companies.ids)] == (keep or ["company"])
        assert [row[1] for row in rows] == ids
        assert [row[0] for row in rows] == ["2", "3", "5"]
    with pytest.raises(CompanyFileError, match="'prediction' can't be copied"):
        read_companies(path, ["prediction"])
    with pytest.raises(CompanyFileError, match="has no column 'nobody'"):
        Predictions(Api(), read_companies(path, ["nobody"]))


@pytest.mark.parametrize(
    ("header", "ids"),
    [
        ("firm_id,assets", ("firm_id",)),
        ("Index,assets,firm_id", ("firm_id",)),
        ("Bankrupt?,assets", ("assets",)),
        ("Tax rate (A),name", ()),
        (",name", ()),
        ("error,name", ()),
        ("name,name", ()),
    ],
)
def test_the_target_and_the_ratios_are_no_ids(header: str, ids: tuple[str, ...]) -> None:
    assert default_ids(header.split(",")) == ids
