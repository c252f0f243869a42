"""`bankruptcy outcomes upload` stores outcomes where monitoring reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.local_aws.environment import project_with_bucket
from typer.testing import CliRunner

from local_aws.server import LocalAws
from scripts.aws.session import Aws
from scripts.cli import app
from steps.monitoring.outcomes import Key, read_outcomes

PROJECT = "outcomes"


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("BANKRUPTCY_PROJECT", PROJECT)
    return project_with_bucket(local_aws, monkeypatch, PROJECT)


def stored(aws: Aws, folder: Path) -> list[str]:
    """Copy the uploaded outcomes to a folder, and return their keys."""
    s3, bucket = aws.client("s3"), aws.project.bucket
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="outcomes/").get("Contents", [])]
    folder.mkdir(exist_ok=True)
    for key in keys:
        s3.download_file(bucket, key, str(folder / Path(key).name))
    return keys


def upload(path: Path, text: str) -> dict[str, object]:
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["outcomes", "upload", str(path), "--json"])
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout)
    return document


def test_the_same_outcomes_are_one_object_and_new_ones_are_counted(aws: Aws, tmp_path: Path) -> None:
    # GIVEN the placeholder that the monitoring jobs need
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="outcomes/none.txt", Body=b"null")
    first = upload(tmp_path / "a.csv", "id,date,outcome\nB,2026-01-02,1\nÄ,2026-01-01,0\n")
    assert (first["outcomes"], first["bankruptcies"], first["new"], first["warnings"]) == (2, 1, 2, [])
    # WHEN they come again in another order, form and file
    again = upload(
        tmp_path / "b.jsonl",
        '{"label": 0, "id": "Ä", "date": "2026-01-01", "x": 1}\n'
        '{"label": 1, "id": "B", "date": "2026-01-02"}\n',
    )
    # THEN it is the same object
    assert again == {**first, "new": 0, "warnings": ["Ignored columns: 'x'."]}
    # AND only outcomes that had not been uploaded are new
    third = upload(tmp_path / "c.csv", "prediction id,id,date,outcome\n,B,2026-01-02,1\np-1,,2026-01-03,0\n")
    assert (third["outcomes"], third["new"]) == (2, 1)
    keys = stored(aws, tmp_path / "job")
    assert sorted(keys) == sorted(
        ["outcomes/none.txt", *(str(each["uri"]).split("/", 3)[3] for each in (first, third))]
    )
    # AND monitoring reads them
    read = read_outcomes(tmp_path / "job")
    assert set(read.by_key) == {Key("id", "Ä"), Key("id", "B"), Key("prediction_id", "p-1")}
    assert (read.given, read.repeated) == (4, 1)


def test_people_see_what_was_uploaded(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,date,outcome\nA,2026-01-02,1\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["outcomes", "upload", str(tmp_path / "a.csv")])
    assert "Uploaded 1 outcome, 1 of them bankruptcies; 1 had not been uploaded before." in result.output


def test_a_file_with_a_wrong_line_uploads_nothing(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,date,outcome\nA,2026-01-02,1\nB,2026-01-02,2\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["outcomes", "upload", str(tmp_path / "a.csv"), "--json"])
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (1, "invalid_outcomes")
    assert error["problem"].endswith("line 3 has the outcome '2'; it must be 0 or 1")
    assert stored(aws, tmp_path / "job") == []
    missing = CliRunner().invoke(app, ["outcomes", "upload", str(tmp_path / "b.csv"), "--json"])
    assert json.loads(missing.stdout)["error"]["code"] == "file_error"
