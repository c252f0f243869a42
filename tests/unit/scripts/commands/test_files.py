"""Commands check their files before they connect to AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.companies.csv_companies import CsvCompanies
from scripts.companies.errors import CompanyFileError


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
