"""`bankruptcy predict`: concurrent requests for many companies, errors on the way, and output."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from inference.numbers import number_problem
from scripts.companies.company_file import read_companies
from scripts.companies.csv_companies import CsvCompanies
from scripts.companies.errors import CompanyFileError
from scripts.companies.ids import default_ids
from scripts.companies.json_companies import ListedCompanies, read_json
from scripts.companies.output import safe_cell
from scripts.operate.pausing import OperationError
from scripts.predict import predictions
from scripts.predict.client import ApiError
from scripts.predict.output import CsvOutput, JsonOutput, Summary
from scripts.predict.predictions import Predictions, Result
from scripts.terminal.predictions import TableOutput, show_summary

NAMES = ("assets", "debt")
EXPLANATION = [
    {"feature": "debt", "value": 0.5, "median": 0.25, "effect": 0.754, "direction": "raises"},
    {"feature": "assets [net]", "value": 0.5, "median": 0.25, "effect": -0.25, "direction": "lowers"},
]


class Api:
    """An API whose probability is the first feature; the first requests get the given errors."""

    def __init__(self, *errors: ApiError, names: Sequence[str] = NAMES) -> None:
        self.names = tuple(names)
        self.bodies: list[Any] = []
        self.most_concurrent = 0
        self._errors = list(errors)
        self._concurrent = 0
        self._lock = threading.Lock()

    @property
    def contract(self) -> str:
        return "+".join(self.names)

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/model"
        return {"contract": self.contract, "features": [{"name": name} for name in self.names]}

    def predict(self, body: Any, *, explain: bool) -> dict[str, Any]:
        assert not explain or len(body["instances"]) <= 100
        with self._lock:
            self._concurrent += 1
            self.most_concurrent = max(self.most_concurrent, self._concurrent)
            self.bodies.append(body)
            error = self._errors.pop(0) if self._errors else None
        try:
            if error is not None:
                raise error
            if body["contract"] != self.contract:
                raise ApiError(409, "contract_mismatch", "another model", [])
            rows = [
                [row[name] for name in self.names] if isinstance(row, dict) else row
                for row in body["instances"]
            ]
            # Like the container, reject too large values with their location.
            rejected = [
                {"loc": ["instances", position, "assets"], "message": "is too large"}
                for position, row in enumerate(rows)
                if row[0] > 1
            ]
            if rejected:
                raise ApiError(422, "validation_failed", "problems", rejected)
            explained = {"explanation": EXPLANATION} if explain else {}
            return {
                "predictions": [{**prediction(row[0]), **explained} for row in rows],
                "model": {"version": str(len(self.names)), "contract": self.contract},
                "warnings": [
                    {"loc": ["instances", position, "assets"], "feature": "assets", "message": "Unlikely."}
                    for position, row in enumerate(rows)
                    if row[0] < 0
                ],
            }
        finally:
            with self._lock:
                self._concurrent -= 1


def prediction(p: float) -> dict[str, Any]:
    return {
        "prediction": int(p >= 0.5),
        "probability": {"not_bankrupt": 1 - p, "bankrupt": p},
        "risk_level": "high" if p >= 0.5 else "low",
        "confidence": max(p, 1 - p),
    }


def outcomes(results: Predictions) -> list[tuple[int, float | str | None]]:
    return [
        (each.number, each.prediction["probability"]["bankrupt"] if each.prediction else each.error)
        for each in results
    ]


@pytest.fixture
def companies(tmp_path: Path) -> Any:
    def write(text: str) -> CsvCompanies:
        path = tmp_path / "companies.csv"
        path.write_text(text, encoding="utf-8-sig")
        return CsvCompanies(path, keep=[])

    return write


def test_lines_are_predicted_in_order_by_concurrent_requests(companies: Any) -> None:
    # GIVEN more lines than fit in a request, with columns in another order than the model's
    lines = [f"x,{0.5 + number / 10_000},{number / 10_000}" for number in range(4500)]
    api = Api()
    # WHEN
    results = outcomes(Predictions(api, companies("\n".join(["name, debt , assets", *lines]))))
    # THEN
    assert results == [(number + 2, number / 10_000) for number in range(4500)]
    assert sorted(len(body["instances"]) for body in api.bodies) == [500, 1000, 1000, 1000, 1000]
    assert api.most_concurrent <= predictions.CONCURRENT_REQUESTS


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


def test_a_version_that_is_deployed_in_between_is_used(companies: Any) -> None:
    api = Api(names=("debt", "assets", "equity"))
    results = Predictions(api, companies("assets,debt,equity\n0.1,0.2,0.3\n"))
    api.names = NAMES
    assert list(results) == [Result(2, prediction(0.1), "2")]


def test_requests_are_retried_after_the_time_that_the_api_gives(companies: Any) -> None:
    api = Api(
        ApiError(503, "deploying", "Later.", [], retry_after=0.01),
        ApiError(429, "throttled", "Slow.", [], 0.02),
    )
    waits: list[tuple[float, str]] = []
    results = Predictions(api, companies("assets,debt\n0.1,1\n"), on_wait=lambda *wait: waits.append(wait))
    assert outcomes(results) == [(2, 0.1)]
    assert waits == [(0.01, "503 deploying: Later."), (0.02, "429 throttled: Slow.")]


def test_an_api_that_stays_unavailable_is_an_error(companies: Any) -> None:
    errors = [ApiError(503, "endpoint_unavailable", "Paused.", [], 0.001) for _ in range(9)]
    with pytest.raises(ApiError, match="Paused"):
        list(Predictions(Api(*errors), companies("assets,debt\n0.1,1\n")))


def test_a_paused_service_is_not_waited_for(companies: Any) -> None:
    def raise_paused() -> None:
        raise OperationError("paused")

    waits: list[tuple[float, str]] = []
    api = Api(ApiError(503, "endpoint_unavailable", "Away.", [], 30))
    found = companies("assets,debt\n0.1,1\n")
    with pytest.raises(OperationError, match="paused"):
        list(Predictions(api, found, on_wait=lambda *wait: waits.append(wait), check_endpoint=raise_paused))
    assert (len(api.bodies), waits) == (1, [])

    # AND neither is a service without a model
    def no_model(_path: str) -> dict[str, Any]:
        raise ApiError(503, "no_model", "None yet.", [], 60)

    api.get = no_model  # type: ignore[method-assign]
    with pytest.raises(OperationError, match="paused"):
        Predictions(api, found, check_endpoint=raise_paused)


def test_an_exceeded_quota_is_not_waited_for(companies: Any) -> None:
    api = Api(ApiError(429, "quota_exceeded", "Used up.", []))
    with pytest.raises(ApiError, match="Used up"):
        list(Predictions(api, companies("assets,debt\n0.1,1\n")))
    assert len(api.bodies) == 1


def test_a_failed_request_only_affects_its_own_companies(
    companies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "CHUNK_ROWS", 2)
    monkeypatch.setattr(predictions, "CONCURRENT_REQUESTS", 1)
    api = Api(*(ApiError(502, "model_error", "No.", [], 0.001) for _ in range(predictions.MOST_ATTEMPTS)))
    results = Predictions(api, companies("assets,debt\n0.1,1\n0.2,2\n0.3,3\n"))
    assert outcomes(results) == [(2, "502 model_error: No."), (3, "502 model_error: No."), (4, 0.3)]


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        ("1", "must contain a list of companies"),
        ("[]", "has no companies"),
        ("[0.5, 1]", r'Write one company as {"data": \[numbers\]}'),
        ('{"data": [1], "instances": [[1]]}', "exactly one of .*; it has 'data' and 'instances'"),
        ('{"instances": [[1]], "instances": [[2]]}', "'instances' is given more than once"),
        ('{"data": [1], "extra": 1}', "it has 'extra'"),
        ('{"contract": "x"}', "it has none of them"),
        ('{"Tax rate (A)": 1}', "has ratios at its top level; put them under 'features'"),
        ('{"columns": ["a"], "index": [0], "data": [[1]]}', "orient='split'"),
        ('{"schema": {}, "data": []}', "orient='table'"),
        ('{"Tax rate (A)": {"0": 1}}', "orient='columns'"),
        ('{"0": {"a": 1}}', "orient='index'"),
    ],
)
def test_a_json_file_in_another_form_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "companies.JSON").write_text(text)
    with pytest.raises(CompanyFileError, match=message):
        read_companies(tmp_path / "companies.JSON")


@pytest.mark.parametrize(
    ("company", "outcome"),
    [
        ('{"assets": 0.1, " debt": 1, "Bankrupt?": 0, "Tax rate (A)": 1}', 0.1),
        ('{"assets": 0.1, "debt": 1, "assets": 0.2}', "'assets' is given more than once"),
        ('{"assets": 0.1, " assets": 0.2, "debt": 1}', "'assets' is given more than once"),
        ('{"assets": 0.1}', "'debt' is missing"),
        ('{"features": {"assets": 0.1, "debt": 1}, "name": "A"}', 0.1),
        ('{"features": {"assets": 0.1, "debts": 1}}', "'debts' is unknown; did you mean 'debt'?"),
        ('{"features": {"assets": 0.1, "debt": 1, "debt": 2}}', "'debt' is given more than once"),
        ('{"features": {"assets": 0.1, "debt": 1}, "other": 2}', "'other' is not allowed next to 'features'"),
        ('{"name": "A", "data": [0.1, 1]}', 0.1),
        ('{"data": [0.1, 1], "features": {}}', "'features' is not allowed next to 'data'"),
    ],
)
@pytest.mark.parametrize("form", [".json", ".jsonl.gz", "-array.json"])
def test_companies_in_json_are_read_alike_in_every_file(
    tmp_path: Path, form: str, company: str, outcome: float | str
) -> None:
    path = tmp_path / f"companies{form}"
    first = '{"name": "X", "assets": 0.5, "debt": 1}'
    text = f"{first}\n\n{company}\n" if "jsonl" in form else f"[{first}, {company}]"
    path.write_bytes(gzip.compress(text.encode()) if form.endswith("gz") else text.encode())
    found = read_companies(path)
    assert found.ids == ("name",)
    numbers = (1, 3) if "jsonl" in form else (0, 1)
    assert outcomes(Predictions(Api(), found)) == list(zip(numbers, (0.5, outcome), strict=True))


@pytest.mark.parametrize(
    ("company", "names"),
    [
        ('{"id": "A", "Index": 3, "Tax rate (A)": 1, "firm_id": "A", "Bankrupt?": 0}', "'id', 'Index'"),
        ('{"id": "A", " Tax rate (A)": 1}', ""),
        ('{"id": "A", "data": [1, 2]}', ""),
        ("[1, 2]", ""),
    ],
)
@pytest.mark.parametrize("form", [".json", ".jsonl"])
def test_names_in_json_that_no_model_uses_are_named(
    tmp_path: Path, form: str, company: str, names: str
) -> None:
    path = tmp_path / f"companies{form}"
    path.write_text(f"{company}\n" if form == ".jsonl" else f"[{company}]")
    assert read_companies(path).ignored_columns == names


def test_a_bad_line_of_json_lines_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "companies.jsonl"
    path.write_text('{"assets": 0.1, "debt": 1}\n{"assets": \n[0.2, 1]\n{"id": "\\ud800", "assets": 1}')
    found = outcomes(Predictions(Api(), read_companies(path)))
    assert [number for number, _ in found] == [1, 2, 3, 4]
    assert (found[0][1], found[2][1]) == (0.1, 0.2)
    assert str(found[1][1]).startswith("is not JSON: Expecting value")


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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([[0.1, 1], {"debt": 2, "assets": 0.2, "other": 3}], [(0, 0.1), (1, 0.2)]),
        ({"instances": [[0.1, 1]], "contract": "assets+debt"}, [(0, 0.1)]),
        ({"data": [0.1, 1]}, [(0, 0.1)]),
        ({"features": {"assets": 0.1, "debt": 1}}, [(0, 0.1)]),
    ],
)
def test_json_files_have_the_form_of_the_api(tmp_path: Path, content: Any, expected: Any) -> None:
    path = tmp_path / "companies.json"
    path.write_text(json.dumps(content))
    assert outcomes(Predictions(Api(), read_json(path))) == expected


def test_numbers_by_position_are_never_sent_under_another_contract() -> None:
    with pytest.raises(CompanyFileError, match="order of contract debt"):
        Predictions(Api(), ListedCompanies([[0.1, 1]], "debt+assets"))
    # Numbers by name are valid under every contract.
    assert outcomes(Predictions(Api(), ListedCompanies([{"assets": 0.1, "debt": 1}], "debt+assets"))) == [
        (0, 0.1)
    ]
    # Another version is deployed between two requests.
    api = Api()
    results = Predictions(api, ListedCompanies([[0.1, 1]]))
    api.names = ("debt", "assets")
    with pytest.raises(CompanyFileError, match="order of contract assets"):
        list(results)


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
