"""Commands check their files before they connect to AWS."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.companies.csv_companies import CsvCompanies
from scripts.companies.errors import CompanyFileError
from scripts.predict.client import ApiError


class ConnectedError(Exception):
    """The command connected to AWS."""


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: Any) -> None:
        raise ConnectedError

    monkeypatch.setattr("scripts.terminal.options.Settings.connect", connect)


def run(*arguments: str) -> tuple[bool, str]:
    result = CliRunner().invoke(app, arguments)
    return isinstance(result.exception, ConnectedError), " ".join(result.output.split())


def test_predictions_are_only_written_to_files_of_a_known_format() -> None:
    connected, output = run("predict", "in.csv", "--output", "a.xlsx")
    assert not connected
    assert "a.xlsx must end in .csv, .json, .jsonl" in output
    for arguments in (["a.CSV"], ["a.json"], ["a.jsonl"], ["a.txt", "--format", "csv"]):
        assert run("predict", "in.csv", "--output", *arguments) == (True, "")


@pytest.mark.parametrize("given", [[], ["--row", "0", "--data"]])
def test_predictions_do_not_overwrite_their_companies(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("assets,debt\n0.1,1\n")
    Path("link.csv").symlink_to("in.csv")
    for output in ("in.csv", f"{tmp_path}/in.csv", "link.csv"):
        connected, printed = run("predict", *given, "in.csv", "-o", output)
        assert not connected
        assert f"{output} would overwrite the companies; name another output." in printed
    assert Path("in.csv").read_text() == "assets,debt\n0.1,1\n"
    assert run("predict", *given, "in.csv", "-o", "out.csv") == (True, "")


class Api:
    """An API that predicts one probability, or fails."""

    def __init__(self, error: ApiError | None, feature: str = "assets") -> None:
        self._error = error
        self._feature = feature

    def get(self, _: str) -> dict[str, Any]:
        return {"contract": "c", "features": [{"name": self._feature}]}

    def predict(self, body: Any, **_: Any) -> dict[str, Any]:
        if self._error:
            raise self._error
        prediction = {
            "prediction": 0,
            "probability": {"not_bankrupt": 0.75, "bankrupt": 0.25},
            "risk_level": "low",
            "confidence": 0.75,
        }
        return {
            "predictions": [prediction for _ in body["instances"]],
            "model": {"version": "1", "contract": "c"},
            "warnings": [],
        }


@pytest.mark.parametrize(
    ("error", "exit_code", "probabilities"),
    [(None, 0, ["0.25"]), (ApiError(403, "forbidden", "The key is wrong.", []), 1, None)],
)
def test_predictions_replace_an_earlier_file_only_when_all_are_made(
    error: ApiError | None,
    exit_code: int,
    probabilities: list[str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: None)
    monkeypatch.setattr("scripts.predict.client.client_of", lambda _: Api(error))
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("assets\n0.1\n")
    output.write_text("probability_bankrupt\n0.5\n")

    result = CliRunner().invoke(app, ["predict", str(source), "-o", str(output)])

    assert result.exit_code == exit_code
    rows = csv.DictReader(output.read_text().splitlines())
    found = [row["probability_bankrupt"] for row in rows]
    assert found == (probabilities or ["0.5"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("header", "copied", "ignored"),
    [
        ("company,Tax rate (A),ticker", ["company"], "'ticker'"),
        ("Bankrupt?,company,Tax rate (A)", ["company"], ""),
        ("company,Tax rate (A),firm_id", ["firm_id"], "'company'"),
        ("Tax rate (A),company,id", [], "'company', 'id'"),
        (",company,Tax rate (A)", [], "'(unnamed)', 'company'"),
    ],
)
def test_predict_names_the_columns_that_it_does_not_copy(
    header: str, copied: list[str], ignored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: None)
    monkeypatch.setattr("scripts.predict.client.client_of", lambda _: Api(None, "Tax rate (A)"))
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"{header}\n1{',1' * header.count(',')}\n")

    result = CliRunner().invoke(app, ["predict", str(source), "-o", str(output)])

    assert output.read_text().splitlines()[0].split(",")[1 : 1 + len(copied)] == copied
    message = f"Ignored columns: {ignored}. To copy one to the result, name it with --id."
    assert (message in " ".join(result.output.split())) is bool(ignored)


def test_predictions_need_a_folder_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: None)
    monkeypatch.setattr("scripts.predict.client.client_of", lambda _: Api(None))
    (tmp_path / "in.csv").write_text("assets\n0.1\n")
    for output in (tmp_path / "none" / "out.csv", tmp_path / "in.csv" / "out.csv"):
        connected, printed = run("predict", str(tmp_path / "in.csv"), "-o", str(output))
        assert not connected
        assert f"{output} can't be written" in printed


def test_report_creates_no_folder(tmp_path: Path) -> None:
    connected, output = run("report", "-o", str(tmp_path / "nodir" / "x.html"))
    assert not connected
    assert "can't be written: the folder" in output
    assert list(tmp_path.iterdir()) == []
    assert run("report", "-o", str(tmp_path / "x.html")) == (True, "")


def test_a_spreadsheet_is_not_a_company_file(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xff\xa4")
    with pytest.raises(CompanyFileError, match=r"x\.xlsx is not text\. Export it as CSV"):
        CsvCompanies(tmp_path / "x.xlsx")
