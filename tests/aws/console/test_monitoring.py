"""The console's pages about monitoring and outcomes, over local AWS."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from support.console import Visitor, text_of
from support.local_aws.cloud import Cloud, eventually
from support.local_aws.environment import project_with_bucket
from support.local_aws.functions import create
from support.monitoring_results import store_result

from scripts.aws.session import Aws
from scripts.data.outcomes import uploads
from scripts.operate.monitoring import acceptances

PROJECT = "watched"
RUN, CALM = "2026-11-01T000000Z", "2026-11-02T000000Z"
OUTCOMES = "id,date,outcome,note\nC1,2026-01-31,1,x\nC2,2026-01-31,0,y\n"


@pytest.fixture
def aws(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Aws:
    return project_with_bucket(cloud.aws, monkeypatch, PROJECT)


def send(visitor: Visitor, name: str, content: str | bytes) -> str:
    """Upload a file of outcomes with the form, and return the page's text."""
    content = content.encode() if isinstance(content, str) else content
    fields = {"file": (io.BytesIO(content), name)}
    return text_of(visitor.post("/service/outcomes", fields))


def test_without_a_run_the_page_says_what_to_do(aws: Aws) -> None:
    shown = Visitor(aws).page("/service/monitoring")
    assert "No run yet The service monitors its predictions on a schedule." in shown
    assert "Accepted windows None" in shown
    assert Visitor(aws).get(f"/service/monitoring/{RUN}").status_code == 404
    assert Visitor(aws).get(f"/service/monitoring/{RUN}/report.html").status_code == 404


def test_a_run_is_started_from_the_page(cloud: Cloud, aws: Aws) -> None:
    visitor = Visitor(aws)
    source = (
        "def handler(event, context):\n    return {'execution': 'arn:x/y', 'run': 'monitoring/runs/r1'}\n"
    )
    create(cloud.aws.url, f"{PROJECT}-watch-model", source)
    assert visitor.post("/service/monitoring/run").location == "/service/monitoring"

    def says(text: str) -> bool:
        visitor.site.reads.forget()
        return text in visitor.page("/service/monitoring")

    eventually(lambda: says("Run r1 has started. Its result is listed here when it has ended."))


def test_runs_show_drift_and_quality(aws: Aws, tmp_path: Path) -> None:
    store_result(aws, tmp_path / "a", RUN, 1.6)
    store_result(aws, tmp_path / "b", CALM, 1.0)
    visitor = Visitor(aws)
    shown = visitor.page("/service/monitoring")
    # The last one first: its alarms, predictions, version and number of drifting columns
    assert shown.index(CALM) < shown.index(RUN)
    assert "drift 600 3 2" in shown
    assert "none 600 3 0" in shown
    run = visitor.get(f"/service/monitoring/{RUN}")
    text = text_of(run)
    assert "drift alarm no quality alarm 600 predictions, judged 2026-11-01 05:00:00 UTC." in text
    assert "compared with training drifting columns 2" in text
    assert "debt its distribution differs" in text
    assert "ROC-AUC 3 0." in text  # the quality and the version that has it
    assert "Outcomes: 0 uploaded" in text
    # The report can do nothing.
    assert f'src="/service/monitoring/{RUN}/report.html" sandbox ' in run.text
    report = visitor.get(f"/service/monitoring/{RUN}/report.html")
    assert "debt" in report.text
    assert report.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_a_window_is_accepted_with_a_note_and_withdrawn(aws: Aws, tmp_path: Path) -> None:
    store_result(aws, tmp_path / "a", RUN, 1.6)
    visitor, here = Visitor(aws), f"/service/monitoring/{RUN}"
    assert f"bankruptcy monitor accept {RUN} 3 --note REASON --local" in visitor.page(here)
    # A note is required, and a version of the run.
    refused = visitor.post(f"{here}/accept/3", {"note": " "})
    assert (refused.status_code, acceptances(aws)) == (400, [])
    assert "Write a note" in text_of(refused)
    assert "has no predictions of version 4" in text_of(visitor.post(f"{here}/accept/4", {"note": "x"}))
    # WHEN it is accepted
    assert visitor.post(f"{here}/accept/3", {"note": "Bäcker <b>"}).location == here
    # THEN the note is kept with the person, and shown as text
    (accepted,) = acceptances(aws)
    assert (accepted.version, accepted.run, accepted.note) == ("3", RUN, "Bäcker <b>")
    page = visitor.get(here)
    assert "This window is accepted as normal: Bäcker <b> By arn:aws:" in text_of(page)
    assert "<b>" not in page.text
    assert f"version 3 Compared with run {RUN} instead of training." in visitor.page("/service/monitoring")
    # and it can be withdrawn
    assert visitor.post(f"{here}/undo/3").location == here
    assert acceptances(aws) == []


def test_outcomes_are_uploaded_with_the_form(aws: Aws) -> None:
    visitor = Visitor(aws)
    assert "No outcome yet Upload a file" in visitor.page("/service/outcomes")
    assert "No file was chosen." in text_of(visitor.post("/service/outcomes"))
    shown = send(visitor, "outcomes.csv", OUTCOMES)
    assert "Uploaded 2 outcomes; 2 had not been uploaded before." in shown
    assert "Ignored columns:" in shown
    assert "outcomes 2 different ones, 1 of them bankruptcies" in shown
    # The same file again is the same object.
    assert "Uploaded 2 outcomes; 0 had not been uploaded before." in send(visitor, "again.csv", OUTCOMES)
    assert len(uploads(aws)) == 1


def test_a_wrong_file_is_explained_and_not_uploaded(aws: Aws) -> None:
    visitor = Visitor(aws)
    shown = send(visitor, "<o>.csv", OUTCOMES.replace("C2,2026-01-31,0", "C2,2026-01-31,2"))
    assert "<o>.csv has wrong lines, and nothing was uploaded:" in shown
    assert "line 3 has the outcome '2'; it must be 0 or 1" in shown
    assert "outcomes.json must end in .csv, .jsonl." in send(visitor, "outcomes.json", "[]")
    packed = send(visitor, "packed.csv", gzip.compress(OUTCOMES.encode()))
    assert "packed.csv is compressed. Decompress it" in packed
    assert "or use `bankruptcy outcomes upload FILE --local`." in packed
    assert uploads(aws) == []


def test_read_only_shows_the_commands_instead(aws: Aws, tmp_path: Path) -> None:
    store_result(aws, tmp_path / "a", RUN, 1.6)
    visitor = Visitor(aws, read_only=True)
    for path, command in (
        ("/service/monitoring", ""),
        (f"/service/monitoring/{RUN}", f"bankruptcy monitor accept {RUN} 3 --note REASON --local"),
        ("/service/outcomes", "bankruptcy outcomes upload FILE --local"),
    ):
        page = visitor.get(path)
        assert "<form" not in page.text
        assert command in text_of(page)
