"""Describing a data file, and reading single companies."""

import hashlib
import re
from pathlib import Path

import pytest

from scripts.data.data_file import DataCompany, DataError, DataFile, read_data_file
from scripts.data.describe import describe

CSV = (
    "Bankrupt?, Ratio A, Copy of A, Always one, Mixed\n"
    "0,0.25,0.25,1,4980000000\n"
    "1,0.5,0.5,1,0.0004\n"
    "0,0.125,0.125,1,0\n"
    "0,0.75,0.75,1,0.5\n"
)


def write(folder: Path, text: str, name: str = "companies.csv") -> DataFile:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_data_file(path)


def test_describe_finds_constant_duplicate_and_mixed_columns(tmp_path: Path) -> None:
    assert describe(write(tmp_path, CSV)).facts() == {
        "companies": "4",
        "columns": "5, including the target",
        "firms": "no column 'firm_id': rows of one firm can be both in training and among unseen companies",
        "bankrupt": "1 (25.00%)",
        "constant": "Always one",
        "duplicates": "Copy of A = Ratio A",
        "repeated rows": "0 rows",
        "above 1": "1 column, up to 4.98e+09",
        "text": "none",
        "non-numeric": "0 cells",
        "empty": "0 cells",
        "header": "it lacks 95 of the 96 columns: 'ROA(C) before interest and depreciation before interest', "
        "'ROA(A) before interest and % after tax', 'ROA(B) before interest and depreciation after tax', "
        "'Operating Gross Margin', 'Realized Sales Gross Margin', …. The first line must name the columns; "
        "it has 5 columns.",
        "sha256": hashlib.sha256(CSV.encode()).hexdigest(),
        "origin": "not the UCI file",
    }


def test_describe_counts_the_firms_that_a_file_names(tmp_path: Path) -> None:
    facts = describe(write(tmp_path, "Bankrupt?,A, firm_id\n0,0.1,x\n0,0.2,y\n1,0.3,x\n")).facts()

    assert facts["firms"] == "2, by the column 'firm_id'"
    assert facts["columns"] == "3, including the target"
    assert facts["text"] == "none"
    assert facts["non-numeric"] == "0 cells"


def test_describe_shows_a_misspelled_firm_id(tmp_path: Path) -> None:
    facts = describe(write(tmp_path, "Bankrupt?,A,Firm ID\n0,0.1,x\n1,0.2,y\n")).facts()

    assert facts["firms"] == (
        "it has a column 'Firm ID' but no 'firm_id'; rename it to 'firm_id' if it identifies firms, "
        "otherwise give it another name"
    )


def test_describe_counts_text_and_empty_cells(tmp_path: Path) -> None:
    facts = describe(write(tmp_path, "Bankrupt?,A,B\n0,high,0.5\n1,0.5,\n")).facts()

    assert (facts["non-numeric"], facts["empty"]) == ("1 cell", "1 cell")


def test_describe_of_a_file_without_the_target(tmp_path: Path) -> None:
    facts = describe(write(tmp_path, "A,B\n0.25,0.5\n0.5,0.5\n")).facts()

    assert facts["bankrupt"] == "no column 'Bankrupt?'"


def test_the_sample_is_recognised_by_its_name(tmp_path: Path) -> None:
    file = write(tmp_path, CSV, "sample-data.csv")

    assert file.is_sample
    assert describe(file).origin == "sample data (generated: invented companies)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (
            "A,B\n1,2,3\n1\n1,2\n",
            "has 2 rows that can't be read:\nrow 2: has 3 cells instead of 2\nrow 3: has 1",
        ),
        ('A,B\n"1,2\n', "row 2: has a quotation mark that is never closed"),
    ],
)
def test_a_file_that_is_not_a_table_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        describe(write(tmp_path, text))


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        ("", {"companies": "0", "bankrupt": "0", "constant": "none", "duplicates": "none"}),
        (
            "True,1,2,a\nFalse,1,2,b\n",
            {"bankrupt": "0 (0.00%); 2 rows neither 0 nor 1", "non-numeric": "2 cells"},
        ),
        (
            "0,TRUE,1e400,a\n1,TRUE,2,b\n",
            {"non-numeric": "3 cells", "text": "name", "above 1": "1 column, up to 2"},
        ),
        (
            "１,1,2,a\n1,1,3,b\n",
            {"bankrupt": "1 (50.00%); 1 row neither 0 nor 1", "non-numeric": "1 cell"},
        ),
        ("0,1,2,a\n1,1,2,b\n1,1,2,\n", {"repeated rows": "2 rows", "empty": "1 cell"}),
        ("0,1,2,a\n1,1,3,b\n", {"text": "name"}),
    ],
)
def test_describe_tells_the_truth_about_odd_cells(tmp_path: Path, rows: str, facts: dict[str, str]) -> None:
    found = describe(write(tmp_path, f"Bankrupt?,Tax rate (A),Cash flow rate,name\n{rows}")).facts()
    assert {label: found[label] for label in facts} == facts


def test_a_company_is_read_by_row(tmp_path: Path) -> None:
    file = write(tmp_path, CSV)

    expected = {"Ratio A": 0.5, "Copy of A": 0.5, "Always one": 1.0, "Mixed": 0.0004}
    assert file.company(1) == DataCompany(expected, {"Ratio A": "0.5"})
    assert file.first_company(bankrupt=True).ratios == expected
    assert file.first_company(bankrupt=False).ratios["Ratio A"] == 0.25


def test_a_missing_company_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has rows 0 to 3; given 4"):
        write(tmp_path, CSV).company(4)
    with pytest.raises(DataError, match=r"Row 0 of .* can't be used"):
        write(tmp_path, "Bankrupt?,Tax rate (A)\n0,high\n", "text.csv").company(0)
    with pytest.raises(DataError, match=r"line 2, can't be used: it has 3 cells instead of 2"):
        write(tmp_path, "Bankrupt?,A\n0,1,\n", "text.csv").company(0)
    with pytest.raises(DataError, match="no bankrupt company"):
        write(tmp_path, "Bankrupt?,A\n0,0.5\n", "healthy.csv").first_company(bankrupt=True)
    with pytest.raises(DataError, match="no healthy company: no row has 0"):
        write(tmp_path, "Bankrupt?,A\n1,0.5\n", "bankrupt.csv").first_company(bankrupt=False)


@pytest.mark.parametrize(("separator", "named"), [(";", "';'"), ("\t", "tabs"), ("|", "'|'")])
def test_describe_reports_another_separator(tmp_path: Path, separator: str, named: str) -> None:
    text = CSV.replace(",", separator)
    for given in (text, text.replace("0.25", "0,25")):
        with pytest.raises(DataError, match=f"seems to be separated by {re.escape(named)}; use commas"):
            describe(write(tmp_path, given))


def test_describe_shortens_long_names(tmp_path: Path) -> None:
    facts = describe(write(tmp_path, f"a,{'x' * 99}\n1,2\n1,2\n")).facts()
    assert facts["constant"] == f"a, {'x' * 59}…"


def test_describe_does_not_mention_commas(tmp_path: Path) -> None:
    assert describe(write(tmp_path, CSV.replace("Mixed", "Mixed; or not"))).companies == 4
