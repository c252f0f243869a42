"""What commands say of files that they can't write or read, before AWS is asked anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.commands import predict, report
from scripts.companies.company_file import CsvCompanies, InputError


class AskedError(Exception):
    """AWS was asked."""


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: Any, **__: Any) -> None:
        raise AskedError

    for command in (predict, report):
        monkeypatch.setattr(command, "connect", ask)


def run(*arguments: str) -> tuple[bool, str]:
    result = CliRunner().invoke(app, arguments)
    return isinstance(result.exception, AskedError), " ".join(result.output.split())


def test_answers_go_into_files_of_their_form_alone() -> None:
    asked, output = run("predict", "in.csv", "--output", "a.xlsx")
    assert not asked
    assert "a.xlsx must end in .csv, .json, .jsonl" in output
    for arguments in (["a.CSV"], ["a.json"], ["a.jsonl"], ["a.txt", "--format", "csv"]):
        assert run("predict", "in.csv", "--output", *arguments) == (True, "")


def test_a_report_makes_no_folder(tmp_path: Path) -> None:
    asked, output = run("report", "-o", str(tmp_path / "nodir" / "x.html"))
    assert not asked
    assert "can't be written: there is no folder" in output
    assert list(tmp_path.iterdir()) == []
    assert run("report", "-o", str(tmp_path / "x.html")) == (True, "")


def test_a_sheet_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xff\xa4")
    with pytest.raises(InputError, match=r"is no text in UTF-8 .*; export it as CSV\."):
        CsvCompanies(tmp_path / "x.xlsx")
