"""The console's page that previews a version, over local AWS."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.console import ORIGIN, Visitor, text_of
from support.local_aws.cloud import eventually
from support.models.small import register

from inference.artifact import Model
from scripts.aws.session import Aws
from scripts.companies.company_file import read_companies
from scripts.preview.comparison import preview
from scripts.preview.versions import load_both
from scripts.preview.words import summary

NAMES = ["assets", "debt", "cash"]
GENERATOR = np.random.default_rng(0)
COMPANIES = GENERATOR.normal(0.5, 4, (40, len(NAMES))).round(3).tolist()
ROWS = [",".join(["firm_id", *NAMES]), *(f"F{at},{a},{b},{c}" for at, (a, b, c) in enumerate(COMPANIES))]
FILE = "\n".join(ROWS).encode()


@pytest.fixture
def aws(registry: Aws, tmp_path: Path) -> Aws:
    """A project whose champion is version 1, and which has a version 2."""
    models: list[Model] = []
    for seed in (1, 2):
        _, model = register(registry, tmp_path / str(seed), NAMES, seed=seed)
        models.append(model)
    contract = json.dumps({"contract": models[0].contract.hash, "version": "1", "features": []})
    registry.client("s3").put_object(
        Bucket=registry.project.bucket, Key="champion/contract.json", Body=contract.encode()
    )
    return registry


def send(visitor: Visitor, name: str, content: bytes, **fields: str) -> Any:
    data = {"form_token": visitor.guard.form_token, "file": (io.BytesIO(content), name), **fields}
    return visitor.client.post("/versions/2/preview", ORIGIN, data=data, headers={"Origin": ORIGIN})


def ended(visitor: Visitor, sent: Any) -> Any:
    """Return the page of a preview when it has ended; it polls until then."""
    assert sent.status_code == 303, sent.text
    eventually(lambda: "Comparing with the champion" not in visitor.get(sent.location).text, 30)
    page = visitor.get(sent.location)
    assert "hx-trigger" not in page.text
    return page


def test_a_file_is_compared_as_the_command_does(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    visitor = Visitor(aws)
    page = ended(visitor, send(visitor, "my <companies>.csv", FILE))
    shown = text_of(page)
    file = tmp_path / "companies.csv"
    file.write_bytes(FILE)
    expected = preview(*load_both(aws, 2), lambda: read_companies(file))
    assert expected.changed > 0
    assert summary(expected) in shown
    assert "Version 2 · my <companies>.csv" in shown
    first = expected.changes[0]
    assert f"{first.number} {first.ids[0]} {first.before.risk_level}" in shown
    assert f"{first.reasons[0].feature} = {first.reasons[0].value:.6g}" in shown
    assert "my <companies>" not in page.text  # escaped
    # THEN the file is deleted
    assert eventually(lambda: not list(temporary.iterdir()))


def test_the_uploaded_data_is_compared(aws: Aws) -> None:
    visitor = Visitor(aws)
    without = visitor.post("/versions/2/preview", {"source": "data"})
    eventually(lambda: visitor.get(without.location).status_code == 400)
    assert "There is no uploaded data. Upload some with `bankruptcy data upload --local`." in text_of(
        visitor.get(without.location)
    )
    # WHEN there is some
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="data/1/firms.csv", Body=FILE)
    shown = text_of(ended(visitor, visitor.post("/versions/2/preview", {"source": "data"})))
    assert "firms.csv (not the UCI file)" in shown
    assert "of 40 would have another risk level than with the champion, version 1" in shown


def test_the_page_of_a_version_offers_it(aws: Aws) -> None:
    visitor = Visitor(aws)
    page = visitor.get("/versions/2").text
    assert 'action="/versions/2/preview" enctype="multipart/form-data"' in page
    assert "Preview on the uploaded data" in page
    assert "/preview" not in visitor.get("/versions/1").text  # it is the champion


def test_without_a_champion_the_page_says_so(registry: Aws, tmp_path: Path) -> None:
    register(registry, tmp_path, NAMES, seed=1)
    page = Visitor(registry).page("/versions/1")
    assert "Preview There is no champion yet to compare it with." in page


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("", b"", "No file was chosen."),
        ("model.tar.gz", b"x", "model.tar.gz must end in .csv, .json, .jsonl."),
        ("packed.csv", gzip.compress(FILE), "packed.csv is compressed."),
    ],
)
def test_a_wrong_file_is_refused(aws: Aws, name: str, content: bytes, problem: str) -> None:
    answer = send(Visitor(aws), name, content)
    assert answer.status_code == 400
    assert problem in text_of(answer)


def test_an_unusable_file_is_explained_by_its_own_name(aws: Aws) -> None:
    visitor = Visitor(aws)
    sent = send(visitor, "mine.csv", b"assets,debt\n1,2\n")
    eventually(lambda: visitor.get(sent.location).status_code == 400, 30)
    shown = text_of(visitor.get(sent.location))
    assert "mine.csv lacks" in shown
    assert "bankruptcy-preview" not in shown  # the temporary folder
    # htmx ignores errors, so a page that polls is loaded again.
    polled = visitor.get(sent.location, headers={"HX-Request": "true"})
    assert (polled.status_code, polled.headers["HX-Refresh"], polled.text) == (200, "true", "")


def test_a_large_file_is_refused_and_names_the_command(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.console.app._MOST_FILE_BYTES", 2000)
    answer = send(Visitor(aws), "large.csv", b"x" * 2001)
    assert answer.status_code == 413
    assert "with a file 2,000." in text_of(answer)
    assert "bankruptcy model preview --on FILE --local" in text_of(answer)


def test_read_only_previews_too(aws: Aws) -> None:
    visitor = Visitor(aws, read_only=True)
    assert "would have another risk level" in text_of(ended(visitor, send(visitor, "companies.csv", FILE)))


def test_a_preview_belongs_to_its_version(aws: Aws) -> None:
    visitor = Visitor(aws)
    sent = send(visitor, "companies.csv", FILE)
    ended(visitor, sent)
    answer = visitor.get(sent.location.replace("/versions/2/", "/versions/1/"))
    assert answer.status_code == 404
    assert "the console keeps the newest 8" in text_of(answer)
