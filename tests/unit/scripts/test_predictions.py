"""`bankruptcy predict`: many companies, several requests at once, and what goes wrong on the way."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.companies.company_file import CsvCompanies, InputError, ListedCompanies, read_json
from scripts.operate.pausing import OperationError
from scripts.predict import predictions
from scripts.predict.client import ApiError
from scripts.predict.output import CsvOutput, JsonOutput, Summary, TableOutput
from scripts.predict.predictions import Predictions, Result

NAMES = ("assets", "debt")
EXPLANATION = [
    {"feature": "debt", "value": 0.5, "median": 0.25, "effect": 0.754, "direction": "raises"},
    {"feature": "assets [net]", "value": 0.5, "median": 0.25, "effect": -0.25, "direction": "lowers"},
]


class Api:
    """The probability is the first feature; errors come first, one a request."""

    def __init__(self, *errors: ApiError, names: Sequence[str] = NAMES) -> None:
        self.names = tuple(names)
        self.bodies: list[Any] = []
        self.most_at_once = 0
        self._errors = list(errors)
        self._at_once = 0
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
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
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
            # What the model can't compute with is refused with its place, as the container does.
            refused = [
                {"loc": ["instances", position, "assets"], "message": "is too large"}
                for position, row in enumerate(rows)
                if row[0] > 1
            ]
            if refused:
                raise ApiError(422, "validation_failed", "problems", refused)
            explained = {"explanation": EXPLANATION} if explain else {}
            return {
                "predictions": [{**prediction(row[0]), **explained} for row in rows],
                "model": {"version": str(len(self.names)), "contract": self.contract},
            }
        finally:
            with self._lock:
                self._at_once -= 1


def prediction(p: float) -> dict[str, Any]:
    return {
        "prediction": int(p >= 0.5),
        "probability": {"not_bankrupt": 1 - p, "bankrupt": p},
        "risk_level": "high" if p >= 0.5 else "low",
        "confidence": max(p, 1 - p),
    }


def said(results: Predictions) -> list[tuple[int, float | str | None]]:
    return [
        (each.place, each.prediction["probability"]["bankrupt"] if each.prediction else each.error)
        for each in results
    ]


@pytest.fixture
def companies(tmp_path: Path) -> Any:
    def write(text: str) -> CsvCompanies:
        path = tmp_path / "companies.csv"
        path.write_text(text, encoding="utf-8-sig")
        return CsvCompanies(path)

    return write


def test_lines_are_answered_in_order_by_several_requests_at_once(companies: Any) -> None:
    # GIVEN more lines than a request takes, with columns in another order than the model's
    lines = [f"x,{0.5 + number / 10_000},{number / 10_000}" for number in range(4500)]
    api = Api()
    # WHEN
    results = said(Predictions(api, companies("\n".join(["name, debt , assets", *lines]))))
    # THEN
    assert results == [(number + 2, number / 10_000) for number in range(4500)]
    assert sorted(len(body["instances"]) for body in api.bodies) == [500, 1000, 1000, 1000, 1000]
    assert api.most_at_once <= predictions.REQUESTS_AT_ONCE


def test_a_bad_line_is_told_by_its_number_and_costs_no_other(companies: Any) -> None:
    text = 'assets,debt\n0.1,1\n0.2,n/a\n\n0.3\n"0.4\n",4\n,5\n0.6,inf\n2,7\n0.8,8\n'
    assert said(Predictions(Api(), companies(text))) == [
        (2, 0.1),
        (3, "'debt' is 'n/a', which is no finite number"),
        (5, "has 1 cell where the header has 2"),
        (7, 0.4),
        (8, "'assets' is empty"),
        (9, "'debt' is 'inf', which is no finite number"),
        (10, "assets: is too large"),
        (11, 0.8),
    ]


def test_a_comma_within_a_number_moves_no_number_into_another_column(companies: Any) -> None:
    found = companies("assets,debt,name\n0.1,1,a\n0,1,1,a\n")
    assert said(Predictions(Api(), found)) == [(2, 0.1), (3, "has 4 cells where the header has 3")]


@pytest.mark.parametrize("cell", ["1_0", "١"])
def test_what_python_alone_takes_for_a_number_is_none(companies: Any, cell: str) -> None:
    found = companies(f"assets,debt\n0.1,{cell}\n")
    assert said(Predictions(Api(), found)) == [(2, f"'debt' is {cell!r}, which is no finite number")]


def test_a_column_that_is_there_twice_is_refused(companies: Any) -> None:
    with pytest.raises(InputError, match="has more than one column 'debt'; name each once"):
        Predictions(Api(), companies("assets,debt, debt\n0.1,1,2\n"))


def test_a_model_that_is_deployed_meanwhile_is_followed(companies: Any) -> None:
    api = Api(names=("debt", "assets", "equity"))
    results = Predictions(api, companies("assets,debt,equity\n0.1,0.2,0.3\n"))
    api.names = NAMES
    assert list(results) == [Result(2, prediction(0.1), "2")]


def test_requests_are_repeated_after_as_long_as_the_api_says(companies: Any) -> None:
    api = Api(
        ApiError(503, "deploying", "Later.", [], retry_after=0.01),
        ApiError(429, "throttled", "Slow.", [], 0.02),
    )
    waits: list[tuple[float, str]] = []
    results = Predictions(api, companies("assets,debt\n0.1,1\n"), on_wait=lambda *told: waits.append(told))
    assert said(results) == [(2, 0.1)]
    assert waits == [(0.01, "503 deploying: Later."), (0.02, "429 throttled: Slow.")]


def test_an_api_that_stays_away_ends_it(companies: Any) -> None:
    errors = [ApiError(503, "endpoint_unavailable", "Paused.", [], 0.001) for _ in range(9)]
    with pytest.raises(ApiError, match="Paused"):
        list(Predictions(Api(*errors), companies("assets,debt\n0.1,1\n")))


def test_a_service_that_is_away_is_not_waited_for(companies: Any) -> None:
    def refuse() -> None:
        raise OperationError("paused")

    waits: list[tuple[float, str]] = []
    api = Api(ApiError(503, "endpoint_unavailable", "Away.", [], 30))
    found = companies("assets,debt\n0.1,1\n")
    with pytest.raises(OperationError, match="paused"):
        list(Predictions(api, found, on_wait=lambda *told: waits.append(told), check_endpoint=refuse))
    assert (len(api.bodies), waits) == (1, [])

    # AND so it is before the first model
    def no_model(_path: str) -> dict[str, Any]:
        raise ApiError(503, "no_model", "None yet.", [], 60)

    api.get = no_model  # type: ignore[method-assign]
    with pytest.raises(OperationError, match="paused"):
        Predictions(api, found, check_endpoint=refuse)


def test_a_quota_that_is_used_up_is_not_waited_for(companies: Any) -> None:
    api = Api(ApiError(429, "quota_exceeded", "Used up.", []))
    with pytest.raises(ApiError, match="Used up"):
        list(Predictions(api, companies("assets,debt\n0.1,1\n")))
    assert len(api.bodies) == 1


def test_a_failed_request_costs_its_own_companies_alone(
    companies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "CHUNK_ROWS", 2)
    monkeypatch.setattr(predictions, "REQUESTS_AT_ONCE", 1)
    api = Api(*(ApiError(502, "model_error", "No.", [], 0.001) for _ in range(predictions.MOST_ATTEMPTS)))
    results = Predictions(api, companies("assets,debt\n0.1,1\n0.2,2\n0.3,3\n"))
    assert said(results) == [(2, "502 model_error: No."), (3, "502 model_error: No."), (4, 0.3)]


def test_what_is_wrong_with_a_file_is_said(companies: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks 1 of the model's 2 columns: 'debt' \(the file has 'dept'\)"):
        Predictions(Api(), companies("assets,dept\n0.1,1\n"))
    for empty in ("companies.csv", "companies.json"):
        (tmp_path / empty).write_text("")
        with pytest.raises(InputError, match=f"{empty} is empty"):
            read_json(tmp_path / empty) if empty.endswith(".json") else CsvCompanies(tmp_path / empty)
    with pytest.raises(InputError, match="can't be read"):
        CsvCompanies(tmp_path / "nowhere.csv")
    path = tmp_path / "companies.json"
    for text, told in (("{", "is no JSON"), ('{"data": 1}', "must hold a list")):
        path.write_text(text)
        with pytest.raises(InputError, match=told):
            read_json(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([[0.1, 1], {"debt": 2, "assets": 0.2, "other": 3}], [(0, 0.1), (1, 0.2)]),
        ({"instances": [[0.1, 1]], "contract": "assets+debt"}, [(0, 0.1)]),
        ({"data": [0.1, 1]}, [(0, 0.1)]),
        ({"features": {"assets": 0.1, "debt": 1}}, [(0, 0.1)]),
    ],
)
def test_json_is_read_as_the_api_takes_it(tmp_path: Path, content: Any, expected: Any) -> None:
    path = tmp_path / "companies.json"
    path.write_text(json.dumps(content))
    assert said(Predictions(Api(), read_json(path))) == expected


def test_numbers_by_position_are_never_sent_to_another_model() -> None:
    with pytest.raises(InputError, match="order of contract debt"):
        Predictions(Api(), ListedCompanies([[0.1, 1]], "debt+assets"))
    # Names mean the same to every model.
    assert said(Predictions(Api(), ListedCompanies([{"assets": 0.1, "debt": 1}], "debt+assets"))) == [
        (0, 0.1)
    ]
    # A model that is deployed between two requests
    api = Api()
    results = Predictions(api, ListedCompanies([[0.1, 1]]))
    api.names = ("debt", "assets")
    with pytest.raises(InputError, match="order of contract assets"):
        list(results)


RESULTS = [
    Result(2, prediction(0.25), "3"),
    Result(3, error="'debt' is empty"),
    Result(4, prediction(0.75), "3"),
]


def test_csv_and_json_have_a_line_for_each_company() -> None:
    lines, objects = io.StringIO(), io.StringIO()
    outputs = (CsvOutput(lines, "line"), JsonOutput(objects, "line"))
    for output in outputs:
        for result in RESULTS:
            output.add(result)
        output.finish()
    assert list(csv.reader(io.StringIO(lines.getvalue()))) == [
        ["line", "probability_bankrupt", "risk_level", "prediction", "model_version", "error"],
        ["2", "0.25", "low", "0", "3", ""],
        ["3", "", "", "", "", "'debt' is empty"],
        ["4", "0.75", "high", "1", "3", ""],
    ]
    first, second, _ = map(json.loads, objects.getvalue().splitlines())
    assert first == {"line": 2, **prediction(0.25), "model_version": "3"}
    assert second == {"line": 3, "error": "'debt' is empty"}


def test_explanations_are_asked_for_in_smaller_parts_and_shown_in_every_form(companies: Any) -> None:
    # GIVEN more companies than are explained at a time, one of them refused
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
    assert {row[-1] for row in rows[:-1]} == {"+0.75 debt; -0.25 assets [net]"}
    assert rows[-1][-2:] == ["assets: is too large", ""]
    assert json.loads(objects.getvalue().splitlines()[0])["explanation"] == EXPLANATION
    assert "what moves it most" in table.getvalue()
    assert table.getvalue().count("-0.25 assets [net]") == 20


def test_a_table_of_many_shows_the_riskiest() -> None:
    stream = io.StringIO()
    table = TableOutput(stream, "line")
    for place in range(100):
        table.add(Result(place, prediction((place * 37 % 100) / 100), "3"))
    table.finish()
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("The 20 riskiest of 100 companies")
    shown = [line.split() for line in lines[3:]]
    assert [row[1] for row in shown] == [f"{99 - rank}.0%" for rank in range(20)]
    assert shown[0] == ["27", "99.0%", "high", "1"]


def test_a_summary_counts_and_names_the_first_errors() -> None:
    stream = io.StringIO()
    summary = Summary("line")
    for result in [*RESULTS, *(Result(place, error="is bad") for place in range(5, 20))]:
        summary.add(result)
    summary.show(Console(file=stream, width=200), seconds=2.0, path=None)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "line 3: 'debt' is empty"
    assert lines[10:] == [
        "… and 6 more errors",
        "18 companies in 2.0 s, 9 a second, model version 3",
        "low 1  high 1  errors 16",
    ]
