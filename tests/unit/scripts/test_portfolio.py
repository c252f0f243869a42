"""Reading a portfolio: columns in any order, and every way in which a line can be bad."""

from __future__ import annotations

import gzip
import io
import re

import pytest

from scripts.score.portfolio import (
    BadLine,
    Company,
    Form,
    Portfolio,
    PortfolioError,
    form_of,
    open_text,
    read,
    result_writer,
)

FEATURES = ("Debt ratio %", "ROA(C)")


def portfolio(content: str | bytes, form: Form = Form.CSV, keep: list[str] | None = None) -> Portfolio:
    encoded = content.encode() if isinstance(content, str) else content
    with open_text(io.BytesIO(encoded), "p.csv") as lines:
        found = read(lines, form, FEATURES, keep)
        return Portfolio(found.kept, iter(list(found.rows)))


def test_columns_in_any_order_and_the_first_kept() -> None:
    # GIVEN a file with a mark of its encoding, spaces before names, Windows line ends, a column of no use
    found = portfolio('\ufeffid, ROA(C),other, Debt ratio %\r\nA-1,0.5,x,1e3\r\n\r\n"B, ""2""",-1,,.25\r\n')
    # THEN numbers stand in the model's order as they were written, and lines keep their numbers
    assert found.kept == ("id",)
    assert list(found.rows) == [Company(2, "1e3,0.5", ("A-1",)), Company(4, ".25,-1", ('B, "2"',))]


def test_what_is_kept_can_be_chosen_and_is_nothing_where_the_model_takes_the_first_column() -> None:
    text = "ROA(C),Debt ratio %,name,year\n1,2,Ä,1999\n"
    assert portfolio(text).kept == ()
    chosen = portfolio(text, keep=["year", "name"])
    assert (chosen.kept, list(chosen.rows)) == (("year", "name"), [Company(2, "2,1", ("1999", "Ä"))])


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        ("a,,1", "ROA(C)", "is empty"),
        ("a,1,one", "Debt ratio %", "is not a number"),
        ("a,1_0,1", "ROA(C)", "is not a number"),
        ("a,١,1", "ROA(C)", "is not a number"),
        ("a,nan,1", "ROA(C)", "is not a finite number"),
        ("a,1,1e999", "Debt ratio %", "is not a finite number"),
        ("a,-1e200,1e200", "Debt ratio %", "is beyond ±1e+150 (and 1 more column is wrong)"),
        ('a,"1,5",2', "", "has a comma within a number"),
        ('a,"""1""",2', "ROA(C)", "is not a number"),
        ("a,1", "", "has 2 cells where the header has 3"),
        ('"a,1,1', "", "is not CSV: unexpected end of data"),
    ],
)
def test_a_bad_line_is_told_by_number_and_does_not_stop_the_rest(
    line: str, column: str, problem: str
) -> None:
    found = list(portfolio(f"id,ROA(C),Debt ratio %\na,1,2\n{line}\nb,3,4\n").rows)
    assert found == [Company(2, "2,1", ("a",)), BadLine(3, column, problem), Company(4, "4,3", ("b",))]


@pytest.mark.parametrize("cell", ["\ufeff1", '"""1"""'])
def test_what_only_a_reader_of_csv_takes_for_a_number_is_bad_wherever_it_stands(cell: str) -> None:
    # GIVEN a file of good lines but for the first, as far as a reader of CSV is concerned that one is, too
    found = list(portfolio(f"Debt ratio %,ROA(C)\n{cell},1\n2,3\n").rows)
    # THEN it is bad: the model's container takes no such number
    assert found == [BadLine(2, "Debt ratio %", "is not a number"), Company(3, "2,3", ())]


def test_bytes_that_are_not_utf8_pass_where_they_are_only_kept() -> None:
    found = list(portfolio(b"id,ROA(C),Debt ratio %\n\xff,1,2\nb,\xff,2\n").rows)
    assert found[0] == Company(2, "2,1", (b"\xff".decode(errors="surrogateescape"),))
    assert found[1] == BadLine(3, "ROA(C)", "is not a number")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "The portfolio lacks 2 of the model's 2 columns: 'Debt ratio %', 'ROA(C)'. .* has 0 columns"),
        ("id,ROA(C)", "lacks 1 of the model's 2 columns: 'Debt ratio %'. Its first line, .* has 2 columns"),
        ("id, ROA(C),Dept Ratio %", "'Debt ratio %' (the file has 'Dept Ratio %')"),
        ("Debt ratiö %,ROA(C)", "'Debt ratio %' (the file has 'Debt ratiö %')"),
        ("id;ROA(C);Debt ratio %", "looks separated by ';'; commas are needed"),
        ("id\tROA(C)\tDebt, of all\tx", "looks separated by tabs; commas are needed"),
        ("id|x", r"looks separated by '|'; commas are needed"),
        ("id,ROA(C),ROA(C),Debt ratio %", "has more than one column 'ROA(C)'; name each once"),
        ("id,ROA(C),name,Debt ratio %", "has no 'year'; it has 'id', 'name', 'ROA(C)', 'Debt ratio %'."),
    ],
)
def test_what_is_wrong_with_a_header_is_said(header: str, told: str) -> None:
    with pytest.raises(PortfolioError, match=re.escape(told).replace(r"\.\*", ".*")):
        portfolio(f"{header}\n1,2,3\n", keep=["year"])


@pytest.mark.parametrize("form", Form)
def test_an_empty_portfolio_is_told_as_such(form: Form) -> None:
    with pytest.raises(PortfolioError, match="is empty"):
        portfolio("", form)


def test_a_wide_header_is_not_told_whole() -> None:
    header = ",".join(["ROA(C)", "Debt ratio %", *(f"column {number}" for number in range(300)), "x" * 999])
    with pytest.raises(PortfolioError, match=r"'column 9' and 293 more\.$"):
        portfolio(f"{header}\n", keep=["id"])


def test_a_name_that_json_lines_lack_is_told_with_theirs() -> None:
    line = '{"id": 1, "ROA(C)": 1, "Debt ratio %": 2}\n'
    with pytest.raises(PortfolioError, match="The first line has no 'ID'; it has 'id', "):
        portfolio(line, Form.LINES, keep=["ID"])
    # A first line that is bad is told by its number as any other.
    found = portfolio("{\n" + line, Form.LINES, keep=["id"])
    assert [type(row) for row in found.rows] == [BadLine, Company]


def test_json_lines_flat_or_as_the_api_takes_them() -> None:
    found = portfolio(
        '{"id": 7, "ROA(C)": 1, " Debt ratio %": 0.1}\n'
        '{"features": {"Debt ratio %": 2, "ROA(C)": 3}, "id": "x"}\n',
        Form.LINES,
    )
    assert found.kept == ("id",)
    assert list(found.rows) == [Company(1, "0.1,1", (7,)), Company(2, "2,3", ("x",))]


def test_what_is_kept_of_json_lines_stays_as_it_was() -> None:
    # GIVEN numbers that no 64-bit float holds, and one that is written as a float
    found = portfolio(
        '{"id": 9007199254740993, "ROA(C)": 1, "Debt ratio %": 2}\n'
        '{"id": 7.0, "ROA(C)": 9007199254740993, "Debt ratio %": 2}\n',
        Form.LINES,
    )
    # THEN nobody's result stands beside another's number
    assert [repr(row.kept) for row in found.rows if isinstance(row, Company)] == [
        "(9007199254740993,)",
        "(7.0,)",
    ]


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        ('{"id": 1, "ROA(C)": 1}', "Debt ratio %", "is missing, as one of 1"),
        ('{"ROA(C)": "1", "Debt ratio %": 1}', "ROA(C)", "is not a number"),
        ('{"ROA(C)": true, "Debt ratio %": 1}', "ROA(C)", "is not a number"),
        ('{"ROA(C)": null, "Debt ratio %": 1}', "ROA(C)", "is empty"),
        ('{"ROA(C)": NaN, "Debt ratio %": 1}', "ROA(C)", "is not a finite number"),
        ('{"ROA(C)": 1%s, "Debt ratio %%": 1}' % ("0" * 400), "ROA(C)", "is not a finite number"),
        (
            '{"id": "\\ud800", "ROA(C)": 1, "Debt ratio %": 1}',
            "",
            "holds half a character, which no file can be written with",
        ),
        (
            '{"id": [{"\\ud800": 1}], "ROA(C)": 1, "Debt ratio %": 1}',
            "",
            "holds half a character, which no file can be written with",
        ),
        ('{"ROA(C)": 1, "ROA(C)": 2, "Debt ratio %": 1}', "", "is not JSON: a name is given more than once"),
        ("[1, 2]", "", "is not a JSON object of names and values"),
    ],
)
def test_a_bad_line_of_json(line: str, column: str, problem: str) -> None:
    good = '{"id": 1, "ROA(C)": 1, "Debt ratio %": 2}'
    found = list(portfolio(f"{good}\n{line}\n{good}\n", Form.LINES).rows)
    assert [row.line for row in found] == [1, 2, 3]
    assert found[1] == BadLine(2, column, problem)


@pytest.mark.parametrize("first", ["id,ROA(C)", '[["id"]]', "{}", "[" * 100_000])
def test_json_lines_that_are_none_are_an_error(first: str) -> None:
    with pytest.raises(PortfolioError, match="The first line is not a JSON object"):
        portfolio(f"{first}\n", Form.LINES)


def test_a_name_that_no_file_can_be_written_with_is_an_error() -> None:
    with pytest.raises(PortfolioError, match=r"The name '\\ud800' holds half a character"):
        portfolio('{"\\ud800": 1, "ROA(C)": 1, "Debt ratio %": 1}\n', Form.LINES)


def test_a_header_that_is_no_csv_is_an_error() -> None:
    with pytest.raises(PortfolioError, match="The header is not CSV: unexpected end of data"):
        portfolio('"id,ROA(C),Debt ratio %\n1,2,3\n')


def test_packed_files_and_names() -> None:
    assert (form_of("s3://b/p.CSV.gz"), form_of("p.jsonl")) == (Form.CSV, Form.LINES)
    with pytest.raises(PortfolioError, match="must end in"):
        form_of("companies.xlsx")
    packed = gzip.compress(b"id,ROA(C),Debt ratio %\na,1,2\n")
    with open_text(io.BytesIO(packed), "p.csv.gz") as lines:
        assert list(read(lines, Form.CSV, FEATURES, None).rows) == [Company(2, "2,1", ("a",))]
    for damaged in (packed[:-9], packed[:10] + b"\xff" * 20):
        with (
            pytest.raises(PortfolioError, match="can't be unpacked"),
            open_text(io.BytesIO(damaged), "p.csv.gz") as lines,
        ):
            list(read(lines, Form.CSV, FEATURES, None).rows)


@pytest.mark.parametrize("name", ["line", "prediction", "probability_bankrupt", "risk_level"])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.CSV, "%s,ROA(C),Debt ratio %%\n7,1,2\n"),
        (Form.LINES, '{"%s": 7, "ROA(C)": 1, "Debt ratio %%": 2}\n'),
    ],
)
def test_what_the_result_has_itself_is_not_kept(name: str, form: Form, text: str) -> None:
    with pytest.raises(PortfolioError, match=f"'{name}' can't be kept: the result has a column of that name"):
        portfolio(text % name, form, keep=[name])
    # AND where nobody asked for it, it is left out
    assert portfolio(text % name, form).kept == ()


def test_json_is_kept_as_json_in_csv() -> None:
    written = io.StringIO()
    write = result_writer(Form.CSV, written, ("a", "b", "c", "d"))
    write([2, {"ä": [None]}, [1], True, None], ["1", "0.5", "low"])
    assert written.getvalue().splitlines()[1] == '2,"{""ä"": [null]}",[1],true,,1,0.5,low'


def test_results_in_both_forms() -> None:
    cells = ["1", "0.75", "high"]
    written = io.StringIO()
    result_writer(Form.CSV, written, ("name",))([2, "a, b"], cells)
    assert (
        written.getvalue() == 'line,name,prediction,probability_bankrupt,risk_level\n2,"a, b",1,0.75,high\n'
    )
    written = io.StringIO()
    result_writer(Form.LINES, written, ("name",))([2, 7], cells)
    assert written.getvalue() == (
        '{"line": 2, "name": 7, "prediction": 1, "probability_bankrupt": 0.75, "risk_level": "high"}\n'
    )
