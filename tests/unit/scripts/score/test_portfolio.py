"""Reading a portfolio: columns in any order, and every kind of bad line; writing results."""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import replace

import pytest

from scripts.companies.errors import CompanyFileError
from scripts.companies.forms import Form, form_of
from scripts.score.portfolio import BadLine, Company, Portfolio, open_portfolio
from scripts.score.results import result_writer

FEATURES = ("Debt ratio %", "ROA(C)")


def portfolio(content: str | bytes, form: Form = Form.CSV, keep: list[str] | None = None) -> Portfolio:
    encoded = content.encode() if isinstance(content, str) else content
    with open_portfolio(io.BytesIO(encoded), f"p.{form}", FEATURES, keep) as found:
        return replace(found, rows=iter(list(found.rows)))


def test_columns_may_be_in_any_order_and_the_first_is_kept() -> None:
    # GIVEN a file with a byte order mark, spaces before names, Windows line ends and an unused column
    found = portfolio('\ufeffid, ROA(C),other, Debt ratio %\r\nA-1,0.5,x,1e3\r\n\r\n"B, ""2""",-1,,.25\r\n')
    # THEN the numbers are in the model's order, unchanged, with the line numbers of the file
    assert found.kept == ("id",)
    assert list(found.rows) == [Company(2, "1e3,0.5", ("A-1",)), Company(4, ".25,-1", ('B, "2"',))]


def test_kept_columns_can_be_chosen_and_a_feature_is_not_kept_by_default() -> None:
    text = "ROA(C),Debt ratio %,name,year\n1,2,Ä,1999\n"
    assert portfolio(text).kept == ()
    chosen = portfolio(text, keep=["year", "name"])
    assert (chosen.kept, list(chosen.rows)) == (("year", "name"), [Company(2, "2,1", ("1999", "Ä"))])


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        ("a,,1", "ROA(C)", "is empty"),
        ("a,1,one", "Debt ratio %", "is not a number: 'one'"),
        ("a,1_0,1", "ROA(C)", "is not a number: '1_0'"),
        ("a,nan,1", "ROA(C)", "is not a finite number: 'nan'"),
        ("a,1,1e999", "Debt ratio %", "is not a finite number: '1e999'"),
        ("a,-1e200,1e200", "Debt ratio %", "is beyond ±1e+150: '1e200' (and 1 more column is wrong)"),
        ('a,"1,5",2', "ROA(C)", "is not a number: it has a decimal comma; write 1,5 as 1.5: '1,5'"),
        ('a,"""1""",2', "ROA(C)", "is not a number: '\"1\"'"),
        ("a,1", "", "has 2 cells instead of 3"),
        ('"a,1,1', "", "has a quotation mark that is never closed"),
    ],
)
def test_a_bad_line_is_reported_by_line_number_and_the_others_are_read(
    line: str, column: str, problem: str
) -> None:
    found = list(portfolio(f"id,ROA(C),Debt ratio %\na,1,2\n{line}\nb,3,4\n").rows)
    assert found == [Company(2, "2,1", ("a",)), BadLine(3, column, problem), Company(4, "4,3", ("b",))]


@pytest.mark.parametrize("cell", ["\ufeff1", '"""1"""'])
def test_cells_that_only_a_csv_reader_accepts_as_numbers_are_bad(cell: str) -> None:
    # GIVEN a cell that Arrow's CSV reader accepts as a number
    found = list(portfolio(f"Debt ratio %,ROA(C)\n{cell},1\n2,3\n").rows)
    # THEN its line is bad, as the model's container does not accept it
    assert [(type(row), row.line) for row in found] == [(BadLine, 2), (Company, 3)]


def test_an_id_over_two_lines_is_kept_whole() -> None:
    found = list(portfolio('id,ROA(C),Debt ratio %\n"a\r\nKG","1\n",2\nb,3,4\n').rows)
    assert found == [Company(2, "2,1", ("a\r\nKG",)), Company(5, "4,3", ("b",))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,ROA(C),Debt ratio %\nä,1,2\n".encode("latin-1"), "p.csv is not UTF-8 text: line 2 has the byte"),
        ("id;ROA(C)\n".encode("utf-16-le"), "looks like UTF-16 without a byte order mark"),
    ],
)
def test_text_in_another_encoding_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(CompanyFileError, match=message):
        portfolio(content)


def test_utf16_is_read() -> None:
    found = portfolio("id,ROA(C),Debt ratio %\nä,1,2\n".encode("utf-16"))
    assert list(found.rows) == [Company(2, "2,1", ("ä",))]


def test_columns_that_no_model_uses_are_named() -> None:
    header = "id,Index,ROA(C),Debt ratio %,Bankrupt?,Tax rate (A),"
    assert portfolio(f"{header}\nA,1,2,3,0,4,\n").ignored_columns == "'Index', '(unnamed)'"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (
            '{"id": 1, "ROA(C)": 1, " Debt ratio %": 2, "Bankrupt?": 0, "Tax rate (A)": 4, " Index": 3, '
            '"": 4}',
            "'Index', '(unnamed)'",
        ),
        ('{"id": 1, "ROA(C)": 1, "Debt ratio %": 2}', ""),
        ('{"id": 1, "features": {"ROA(C)": 1, "Debt ratio %": 2}}', ""),
    ],
)
def test_names_in_json_lines_that_no_model_uses_are_named(line: str, names: str) -> None:
    found = portfolio(f"{line}\n", Form.LINES)
    assert found.ignored_columns == names
    assert list(found.rows) == [Company(1, "2,1", (1,))]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,ROA(C)", "lacks 1 of the model's 2 columns: 'Debt ratio %'. .* it has 2 columns"),
        ("id, ROA(C),Dept Ratio %", "'Debt ratio %' (the file has 'Dept Ratio %')"),
        ("Debt ratiö %,ROA(C)", "'Debt ratio %' (the file has 'Debt ratiö %')"),
        ("id;ROA(C);Debt ratio %", "seems to be separated by ';'; use commas"),
        ("id\tROA(C)\tDebt, of all\tx", "seems to be separated by tabs; use commas"),
        ("id|x", r"seems to be separated by '|'; use commas"),
        ("id,ROA(C),ROA(C),Debt ratio %", "has more than one column 'ROA(C)'; each name must be unique"),
        (
            "id,ROA(C),name,Debt ratio %",
            "has no column 'year'; it has 'id', 'name', 'ROA(C)', 'Debt ratio %'.",
        ),
    ],
)
def test_the_problem_of_a_header_is_described(header: str, message: str) -> None:
    with pytest.raises(CompanyFileError, match=re.escape(message).replace(r"\.\*", ".*")):
        portfolio(f"{header}\n1,2,3\n", keep=["year"])


@pytest.mark.parametrize("form", [Form.CSV, Form.LINES])
def test_an_empty_portfolio_is_an_error(form: Form) -> None:
    with pytest.raises(CompanyFileError, match="is empty"):
        portfolio("", form)


def test_a_wide_header_is_only_listed_in_part() -> None:
    header = ",".join(["ROA(C)", "Debt ratio %", *(f"column {number}" for number in range(300)), "x" * 999])
    with pytest.raises(CompanyFileError, match=r"'column 9' and 293 more\.$"):
        portfolio(f"{header}\n", keep=["id"])


def test_a_name_that_json_lines_lack_is_an_error() -> None:
    line = '{"id": 1, "ROA(C)": 1, "Debt ratio %": 2}\n'
    with pytest.raises(CompanyFileError, match="The first company has no column 'ID'; it has 'id', "):
        portfolio(line, Form.LINES, keep=["ID"])
    # An invalid first line is a bad line like any other.
    found = portfolio("{\n" + line, Form.LINES, keep=["id"])
    assert [type(row) for row in found.rows] == [BadLine, Company]


def test_json_lines_may_be_flat_or_in_the_form_of_the_api() -> None:
    found = portfolio(
        '{"id": 7, "ROA(C)": 1, " Debt ratio %": 0.1}\n'
        '{"features": {"Debt ratio %": 2, "ROA(C)": 3}, "id": "x"}\n',
        Form.LINES,
    )
    assert found.kept == ("id",)
    assert list(found.rows) == [Company(1, "0.1,1", (7,)), Company(2, "2,3", ("x",))]


def test_kept_values_of_json_lines_do_not_change() -> None:
    # GIVEN integers that are not exact as 64-bit floats, and a float
    found = portfolio(
        '{"id": 9007199254740993, "ROA(C)": 1, "Debt ratio %": 2}\n'
        '{"id": 7.0, "ROA(C)": 9007199254740993, "Debt ratio %": 2}\n',
        Form.LINES,
    )
    # THEN they are kept exactly
    assert [repr(row.kept) for row in found.rows if isinstance(row, Company)] == [
        "(9007199254740993,)",
        "(7.0,)",
    ]


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        ('{"id": 1, "ROA(C)": 1}', "", "'Debt ratio %' is missing"),
        ('{"ROA(C)": "1", "Debt ratio %": 1}', "ROA(C)", "is not a number: it is text"),
        ('{"ROA(C)": true, "Debt ratio %": 1}', "ROA(C)", "is not a number: it is true or false"),
        ('{"ROA(C)": 1e200, "Debt ratio %": 1}', "ROA(C)", "is beyond ±1e+150"),
        ('{"ROA(C)": 1, " ROA(C)": 2, "Debt ratio %": 1}', "", "'ROA(C)' is given more than once"),
        ('{"ROA(C)": ', "", "is not JSON: Expecting value: line 1 column 12 (char 11)"),
        ('{"ROA(C)": null, "Debt ratio %": 1}', "ROA(C)", "is empty"),
        ('{"ROA(C)": NaN, "Debt ratio %": 1}', "ROA(C)", "is not a finite number"),
        ('{"ROA(C)": 1%s, "Debt ratio %%": 1}' % ("0" * 400), "ROA(C)", "is not a finite number"),
        (
            '{"id": "\\ud800", "ROA(C)": 1, "Debt ratio %": 1}',
            "",
            "contains half a character (a lone surrogate), which can't be written to a file",
        ),
        (
            '{"id": [{"\\ud800": 1}], "ROA(C)": 1, "Debt ratio %": 1}',
            "",
            "contains half a character (a lone surrogate), which can't be written to a file",
        ),
        ('{"ROA(C)": 1, "ROA(C)": 2, "Debt ratio %": 1}', "", "'ROA(C)' is given more than once"),
        ("[1, 2]", "", "is not a JSON object of names and values"),
    ],
)
def test_a_bad_line_of_json_is_reported(line: str, column: str, problem: str) -> None:
    good = '{"id": 1, "ROA(C)": 1, "Debt ratio %": 2}'
    found = list(portfolio(f"{good}\n{line}\n{good}\n", Form.LINES).rows)
    assert [row.line for row in found] == [1, 2, 3]
    assert found[1] == BadLine(2, column, problem)


@pytest.mark.parametrize("first", ["id,ROA(C)", '[["id"]]', "{}", "[" * 100_000])
def test_a_first_line_that_is_not_an_object_is_an_error(first: str) -> None:
    with pytest.raises(CompanyFileError, match=r"The first line of the portfolio p\.jsonl is not a JSON"):
        portfolio(f"{first}\n", Form.LINES)


def test_a_name_that_can_not_be_written_is_an_error() -> None:
    with pytest.raises(CompanyFileError, match=r"The name '\\ud800' contains half a character"):
        portfolio('{"\\ud800": 1, "ROA(C)": 1, "Debt ratio %": 1}\n', Form.LINES)


def test_an_invalid_csv_header_is_an_error() -> None:
    with pytest.raises(CompanyFileError, match="line 1, has a quotation mark that is never closed"):
        portfolio('"id,ROA(C),Debt ratio %\n1,2,3\n')


def test_compressed_files_are_read_and_other_endings_rejected() -> None:
    assert (form_of("s3://b/p.CSV.gz"), form_of("p.jsonl")) == (Form.CSV, Form.LINES)
    with pytest.raises(CompanyFileError, match="must end in"):
        form_of("companies.xlsx")
    packed = gzip.compress(b"id,ROA(C),Debt ratio %\na,1,2\n")
    with open_portfolio(io.BytesIO(packed), "p.csv.gz", FEATURES, None) as found:
        assert list(found.rows) == [Company(2, "2,1", ("a",))]
    for damaged in (packed[:-9], packed[:10] + b"\xff" * 20):
        with (
            pytest.raises(CompanyFileError, match="can't be decompressed"),
            open_portfolio(io.BytesIO(damaged), "p.csv.gz", FEATURES, None) as found,
        ):
            list(found.rows)


@pytest.mark.parametrize("name", ["line", "prediction", "probability_bankrupt", "risk_level"])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.CSV, "%s,ROA(C),Debt ratio %%\n7,1,2\n"),
        (Form.LINES, '{"%s": 7, "ROA(C)": 1, "Debt ratio %%": 2}\n'),
    ],
)
def test_columns_of_the_result_are_not_kept(name: str, form: Form, text: str) -> None:
    with pytest.raises(CompanyFileError, match=f"'{name}' can't be copied: the result has"):
        portfolio(text % name, form, keep=[name])
    # AND by default, such a first column is not kept
    assert portfolio(text % name, form).kept == ()


def test_json_values_are_written_to_csv_as_json() -> None:
    written = io.StringIO()
    write = result_writer(Form.CSV, written, ("a", "b", "c", "d"), "3")
    write([2, {"ä": [None]}, [1], True, None], ["1", "0.5", "low"], [])
    assert written.getvalue().splitlines()[1] == '2,"{""ä"": [null]}",[1],true,,1,0.5,low,3,'


def test_results_are_written_as_csv_and_json_lines() -> None:
    cells = ["1", "0.75", "high"]
    written = io.StringIO()
    result_writer(Form.CSV, written, ("=name",), "3")([2, "=a, b"], cells, [])
    assert written.getvalue() == (
        "line,'=name,prediction,probability_bankrupt,risk_level,model_version,error\n"
        '2,"\'=a, b",1,0.75,high,3,\n'
    )
    written = io.StringIO()
    result_writer(Form.LINES, written, ("name",), "3")([2, 7], cells, [])
    assert written.getvalue() == (
        '{"line": 2, "name": 7, "prediction": 1, "probability_bankrupt": 0.75, "risk_level": "high", '
        '"model_version": "3"}\n'
    )
