"""The console's pages about versions, over local AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.console import Visitor, text_of
from support.models.evaluations import compared, evaluation
from support.models.small import register_folder, write_small_model

from scripts.aws.session import Aws
from scripts.model.approval import find_version, set_approval

NAMES = ["assets", "debt"]
NOTE = "Judged by <b>us</b>"


@pytest.fixture
def versions(registry: Aws, tmp_path: Path) -> Aws:
    """A registry with version 1, which is the champion, and version 2 with other columns."""
    for number, names in ((1, NAMES), (2, ["assets", "sales"])):
        folder = tmp_path / str(number)
        write_small_model(folder, names, seed=number)
        champion = None if number == 1 else compared()
        files = {
            "evaluation.json": json.dumps(evaluation(champion=champion)),
            "report.html": f"<h1>Report {number}</h1>",
        }
        register_folder(registry, folder, evaluation=files)
    first = find_version(registry, 1)
    set_approval(registry, first, "Approved", "The first")
    features = [{"name": name} for name in NAMES]
    contract = {
        "version": "1",
        "contract": first["CustomerMetadataProperties"]["ContractHash"],
        "features": features,
    }
    registry.client("s3").put_object(
        Bucket=registry.project.bucket, Key="champion/contract.json", Body=json.dumps(contract).encode()
    )
    return registry


def test_an_empty_list_says_what_to_do(registry: Aws) -> None:
    assert "No version yet An execution registers a version" in Visitor(registry).page("/versions")


def test_the_list_has_figures_with_intervals(versions: Aws) -> None:
    shown = Visitor(versions).page("/versions")
    assert shown.index("Version 2") < shown.index("Version 1 champion")
    assert "waits for approval" in shown
    assert "0.941 (0.910 to 0.969) 0.439 (0.301 to 0.572) The first" in shown


def test_a_version_shows_its_figures_and_the_effects_of_a_decision(versions: Aws) -> None:
    visitor = Visitor(versions)
    shown = visitor.page("/versions/2")
    assert "against the champion not significantly different: ROC-AUC +0.012 (-0.010 to +0.035)" in shown
    assert "Version 2 is deployed and replaces version 1, unless the service is paused." in shown
    assert "if one goes off, version 1 stays. To take the approval back later, reject version 2." in shown
    assert "removed: debt added: sales" in shown
    assert "Requests with numbers by name are rejected with 422." in shown
    assert "It is not in service, so nothing changes for clients." in shown
    assert 'href="/versions/compare?left=1&amp;right=2"' in visitor.get("/versions/2").text
    first = visitor.page("/versions/1")
    assert "Reject version 1" in first
    assert "Approve version 1" not in first  # it is approved
    assert visitor.get("/versions/7").status_code == 404


@pytest.mark.parametrize(("decision", "approval"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_decision_needs_a_note(versions: Aws, decision: str, approval: str) -> None:
    visitor = Visitor(versions)
    refused = visitor.post(f"/versions/2/{decision}", {"note": "  "})
    assert refused.status_code == 400
    assert "Write a note" in text_of(refused)
    assert find_version(versions, 2)["ModelApprovalStatus"] == "PendingManualApproval"
    # WHEN it has one
    answer = visitor.post(f"/versions/2/{decision}", {"note": NOTE})
    # THEN both are stored, and shown as text
    assert (answer.status_code, answer.location) == (303, "/versions/2")
    decided = find_version(versions, 2)
    assert (decided["ModelApprovalStatus"], decided["ApprovalDescription"]) == (approval, NOTE)
    page = visitor.get("/versions/2")
    assert f"Note: {NOTE}" in text_of(page)
    assert "<b>us</b>" not in page.text


def test_an_unknown_decision_is_refused(versions: Aws) -> None:
    assert Visitor(versions).post("/versions/2/praise", {"note": "x"}).status_code == 404


def test_an_older_version_is_not_deployed(versions: Aws) -> None:
    set_approval(versions, find_version(versions, 2), "Approved")
    set_approval(versions, find_version(versions, 1), "Rejected")
    shown = Visitor(versions).page("/versions/1")
    assert "Nothing is deployed, because the newer version 2 is approved." in shown


def test_two_versions_are_side_by_side(versions: Aws) -> None:
    visitor = Visitor(versions)
    shown = visitor.page("/versions/compare?left=1&right=2")
    # The interval of the difference: 0.0412 = sqrt(0.0307² + 0.0276²), from the distances of both intervals.
    assert "ROC-AUC 0.941 (0.910 to 0.969) 0.941 (0.910 to 0.969) +0.000 (-0.041 to +0.041)" in shown
    assert "Both were judged on the same companies" in shown
    assert "Version 2 against the champion of its time: not significantly different" in shown
    assert "1 column in both. Only in version 1 debt Only in version 2 sales" in shown
    assert "Estimator blend blend RandomSeed 42 42" in shown  # as the evaluations record them
    assert "ArchiveSha256" in shown
    assert visitor.get("/versions/compare?left=1&right=2").text.count("<iframe") == 2
    assert "same columns in the same order" in visitor.page("/versions/compare?left=1&right=1")
    assert visitor.get("/versions/compare?left=1").status_code == 404


def test_two_versions_have_their_curves_in_one_drawing(versions: Aws) -> None:
    page = Visitor(versions).get("/versions/compare?left=1&right=2").text
    for title in ("ROC curve", "Precision-recall curve", "Calibration"):
        drawing = page.partition(f"<h3>{title}</h3>")[2].partition("</svg>")[0]
        assert drawing.startswith("<svg")
        # One curve, or one point for each group, of both versions
        marks = [
            drawing.count(f'="{kind} of-{side}"')
            for side in ("champion", "selected")
            for kind in ("line", "dot")
        ]
        assert marks == ([0, 2, 0, 2] if title == "Calibration" else [1, 0, 1, 0])
    assert len(page) < 60_000


def test_a_difference_names_other_companies_and_the_parameters_of_the_execution(
    registry: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN versions that were judged on different data, one of an earlier release without curves
    old = evaluation(file="old.csv")
    for name in ("binary_classification_metrics", "calibration", "provenance", "split_rule"):
        del old[name]
    new = evaluation()
    new["candidates"]["recommended"]["intervals"]["roc_auc"] = {"value": 0.96, "low": 0.93, "high": 0.98}
    for number, document in ((1, old), (2, new)):
        write_small_model(tmp_path / str(number), NAMES, seed=number)
        files = {"evaluation.json": json.dumps(document), "report.html": ""}
        register_folder(registry, tmp_path / str(number), evaluation=files)
    monkeypatch.setattr("scripts.console.pages.comparing.read_values", lambda _, arn: {"MinRocAuc": arn[-3:]})
    package = find_version(registry, 2)
    registry.client("sagemaker").update_model_package(
        ModelPackageArn=package["ModelPackageArn"], CustomerMetadataProperties={"ExecutionId": "abc123"}
    )
    # WHEN they are compared
    visitor = Visitor(registry)
    shown = visitor.page("/versions/compare?left=1&right=2")
    # THEN the page says so, and shows what there is
    assert "They may have been judged on different companies" in shown
    assert "ROC-AUC 0.941 (0.910 to 0.969) 0.960 (0.930 to 0.980) +0.019 (-0.022 to +0.055)" in shown
    assert "MinRocAuc – 123" in shown
    assert "<svg" not in visitor.get("/versions/compare?left=1&right=2").text.partition("<h2>Columns")[0]


def test_a_report_may_do_nothing(versions: Aws) -> None:
    report = Visitor(versions).get("/versions/2/report.html")
    assert report.text == "<h1>Report 2</h1>"
    assert report.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_read_only_shows_the_commands_instead(versions: Aws) -> None:
    visitor = Visitor(versions, read_only=True)
    page = visitor.get("/versions/2")
    assert "Approve version 2" not in page.text
    assert "bankruptcy model approve 2 --note REASON --local" in text_of(page)
    assert visitor.post("/versions/2/approve", {"note": "x"}).status_code == 403


def test_a_version_of_a_new_registry_has_its_own_figures(versions: Aws, tmp_path: Path) -> None:
    visitor = Visitor(versions)
    assert "0.941 (0.910 to 0.969)" in visitor.page("/versions/1")
    # WHEN the registry is deleted and created again, as by `destroy --delete-data` and `deploy`
    sagemaker, group = versions.client("sagemaker"), versions.project.model_package_group
    for number in (1, 2):
        arn = find_version(versions, number)["ModelPackageArn"]
        sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    document = evaluation()
    document["candidates"]["recommended"]["intervals"]["roc_auc"] = {"value": 0.8, "low": 0.7, "high": 0.9}
    write_small_model(tmp_path / "new", NAMES, seed=3)
    files = {"evaluation.json": json.dumps(document), "report.html": ""}
    register_folder(versions, tmp_path / "new", evaluation=files)
    assert find_version(versions, 1)["ModelPackageArn"].endswith("/1")
    visitor.site.reads.forget()
    assert "0.800 (0.700 to 0.900)" in visitor.page("/versions/1")
