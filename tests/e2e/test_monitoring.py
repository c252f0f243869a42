"""Monitoring and retraining on local AWS with enforced permissions."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.deployment.project import REGION
from support.local_aws.cloud import eventually
from support.local_aws.environment import point_at
from support.monitoring import companies, level_of, lines, profile_document
from support.pipeline.executions import ended
from typer.testing import CliRunner

from local_aws.server import LocalAws
from pipeline.service import describe, stop
from scripts.aws.session import Aws, connect
from scripts.cli import app
from scripts.deploy.deployment import deploy

CONTRACT_FOLDER = "models/execution"


def put(aws: Aws, key: str, body: bytes) -> None:
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key=key, Body=body)


def read(aws: Aws, key: str) -> Any:
    return json.loads(aws.client("s3").get_object(Bucket=aws.project.bucket, Key=key)["Body"].read())


def log(aws: Aws, name: str, logged: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in logged)
    put(
        aws,
        f"predictions/{time.strftime('%Y/%m/%d/%H', time.gmtime())}/{name}.gz",
        gzip.compress(text.encode()),
    )


def watch(aws: Aws, event: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call watch_model and return its answer."""
    answer = aws.client("lambda").invoke(
        FunctionName=aws.project.monitor_function, Payload=json.dumps(event or {}).encode()
    )
    step: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, step
    return step


def published(aws: Aws, run: str) -> dict[str, Any]:
    """Wait until the results of a run are the newest, and return them."""
    expected = read(aws, f"{run}/monitoring.json")

    def newest() -> dict[str, Any] | None:
        with suppress(aws.client("s3").exceptions.NoSuchKey):
            found: dict[str, Any] = read(aws, "monitoring/latest/monitoring.json")
            if found == expected:
                return found
        return None

    return eventually(newest)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """The deployed project; function and jobs have no permissions but those of their roles."""
    with pytest.MonkeyPatch.context() as patch, LocalAws(region=REGION, enforce_iam=True) as server:
        point_at(server, patch)
        deployed = connect("bankruptcy-e2e")
        deploy(deployed, confirm=lambda _: True, parameters={"RetrainOn": "new-data"})
        yield deployed


@pytest.fixture(scope="module")
def registered(aws: Aws) -> Aws:
    """The project with a registered version that has a profile."""
    sagemaker, bucket = aws.client("sagemaker"), aws.project.bucket
    put(aws, f"{CONTRACT_FOLDER}/profile.json", json.dumps(profile_document()).encode())
    sagemaker.create_model_package(
        ModelPackageGroupName=aws.project.model_package_group,
        CustomerMetadataProperties={"ContractUri": f"s3://{bucket}/{CONTRACT_FOLDER}/contract.json"},
    )
    return aws


def test_each_prediction_is_judged_once_and_drift_becomes_an_alarm(registered: Aws) -> None:
    aws = registered
    # GIVEN a champion without predictions, watch_model reports silence and starts nothing
    put(aws, "champion/contract.json", b"{}")
    assert watch(aws) == {"action": "nothing", "silent": True}
    # WHEN predictions arrive with one shifted column
    shifted = companies(400, seed=1)
    shifted[:, 1] *= 2
    log(aws, "first", lines(shifted, version="1"))
    time.sleep(1.1)  # the times of objects have seconds
    started = watch(aws, {"settled": 0})
    assert started["action"] == "started"
    execution = ended(aws, started["execution"])
    assert execution.status == "Succeeded", execution.steps

    # THEN they are judged, and the results become the newest
    document = published(aws, started["run"])
    assert document["predictions"] == 400
    assert document["versions"]["1"]["companies"] == 400
    assert any(reason.startswith("version 1, debt:") for reason in document["alarms"]["drift"])
    page = aws.client("s3").get_object(Bucket=aws.project.bucket, Key="monitoring/latest/monitoring.html")
    assert b"drift alarm" in page["Body"].read()

    # AND the next run reads only new predictions; so soon, none were to be expected
    assert watch(aws, {"settled": 0}) == {"action": "nothing", "silent": False}
    log(aws, "second", lines(companies(150, seed=2), version="1", start=1000))
    time.sleep(1.1)
    again = watch(aws, {"settled": 0})
    assert ended(aws, again["execution"]).status == "Succeeded"
    newest = published(aws, again["run"])
    assert newest["predictions"] == 150
    assert newest["alarms"]["drift"] == []
    assert [run["predictions"] for run in newest["history"]] == [400, 150]


def test_a_chosen_period_changes_neither_the_schedule_nor_the_newest_results(registered: Aws) -> None:
    aws = registered
    before = read(aws, "monitoring/latest/monitoring.json")
    day = time.strftime("%Y-%m-%d", time.gmtime())
    log(aws, "third", lines(companies(5, seed=3), version="1", day=day, start=2000))

    started = watch(aws, {"start": f"{day}T00:00:00Z", "end": f"{day}T23:59:59Z"})

    assert ended(aws, started["execution"]).status == "Succeeded"
    document = read(aws, f"{started['run']}/monitoring.json")
    # The other predictions have another day as their own time.
    assert (document["predictions"], document["left_out"]["other_time"]) == (5, 550)
    assert read(aws, "monitoring/latest/monitoring.json") == before


def executions(aws: Aws) -> list[str]:
    """Return the ARNs of the executions of the training pipeline."""
    listed = aws.client("sagemaker").list_pipeline_executions(PipelineName=aws.project.pipeline)
    return [each["PipelineExecutionArn"] for each in listed["PipelineExecutionSummaries"]]


def uploads_seen(aws: Aws) -> list[dict[str, Any]]:
    """Return what watch_model did with new objects, from its log."""
    group = f"/aws/lambda/{aws.project.monitor_function}"
    pages = aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    texts = [each["message"] for page in pages for each in page["events"] if '"watched"' in each["message"]]
    found = map(json.loads, texts)
    return [each["step"] for each in found if each.get("detail_type") == "Object Created"]


def test_new_data_starts_one_execution(aws: Aws, companies: pd.DataFrame, tmp_path: Path) -> None:
    # GIVEN RetrainOn=new-data
    data = tmp_path / "companies.csv"
    companies.to_csv(data, index=False)
    # WHEN data is uploaded, an execution starts on it, and its model waits for a person
    uploaded = CliRunner().invoke(app, ["data", "upload", str(data), "--project", aws.project.name])
    uri = uploaded.stdout.strip()
    assert "RetrainOn is new-data: an execution starts" in " ".join(uploaded.stderr.split())
    [started] = eventually(lambda: executions(aws))
    parameters = describe(aws.client("sagemaker"), started).parameters
    assert (parameters["InputDataUri"], parameters["ModelApprovalStatus"]) == (uri, "PendingManualApproval")
    # AND when it is uploaded again, also under another name, a file is put beside it, and a job writes one
    # elsewhere, none starts
    for name in ("companies.csv", "renamed.csv"):
        data = data.rename(tmp_path / name)
        assert bankruptcy(aws, "data", "upload", str(data))["starts_execution"] is True
    put(aws, "data/companies.csv", b"companies")
    put(aws, uri.replace(f"s3://{aws.project.bucket}/data", "runs/x"), b"companies")
    steps = eventually(lambda: len(uploads_seen(aws)) >= 4 and uploads_seen(aws), 30)
    assert sorted(each["action"] for each in steps) == ["ignored", *["retraining"] * 3]
    assert {each["execution"] for each in steps if each["action"] == "retraining"} == {started}
    assert executions(aws) == [started]
    stop(aws.client("sagemaker"), started)
    assert ended(aws, started).status == "Stopped"


def bankruptcy(aws: Aws, *words: str) -> dict[str, Any]:
    """Run a command, and return its result."""
    result = CliRunner().invoke(app, [*words, "--project", aws.project.name, "--json"])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def predicted(
    day: date, version: str, ids: list[str], scores: list[float], seed: int
) -> list[dict[str, Any]]:
    """Return logged predictions with chosen probabilities."""
    logged = lines(companies(len(ids), seed), version=version, day=f"{day}", start=seed * 1000, ids=ids)
    return [
        {**line, "probability": score, "risk_level": level_of(score)}
        for line, score in zip(logged, scores, strict=True)
    ]


def test_outcomes_of_three_versions_are_counted_to_the_row(registered: Aws, tmp_path: Path) -> None:
    aws = registered
    # GIVEN three versions that predicted companies 400 days ago
    for _ in range(2):
        aws.client("sagemaker").create_model_package(
            ModelPackageGroupName=aws.project.model_package_group,
            CustomerMetadataProperties={
                "ContractUri": f"s3://{aws.project.bucket}/{CONTRACT_FOLDER}/contract.json"
            },
        )
    today = datetime.now(UTC).date()
    then = today - timedelta(days=400)
    first = predicted(then, "1", [f"A{each}" for each in range(10)], [0.05] * 6 + [0.2] * 2 + [0.5] * 2, 11)
    # A0 comes again, one day later and with another version
    second = predicted(then + timedelta(1), "2", ["B0", "B1", "A0"], [0.05, 0.5, 0.05], 12)
    third = predicted(then, "3", [f"C{each}" for each in range(40)], [0.9] * 20 + [0.01] * 20, 13)
    # The first prediction of version 3 is in the log twice.
    old = "".join(json.dumps(line) + "\n" for line in [*first, *second, *third, third[0]])
    put(aws, f"predictions/{then:%Y/%m/%d}/12/old.gz", gzip.compress(old.encode()))
    # AND a company of yesterday
    log(aws, "new", predicted(today - timedelta(1), "2", ["B2"], [0.2], 14))

    def after(days: int) -> str:
        return f"{then + timedelta(days)}"

    # WHEN outcomes are uploaded, in two files
    known = [
        *((f"A{each}", f"{today}", 0) for each in range(4)),
        ("A4", after(100), 1),
        ("A5", after(50), 0),  # says nothing about the end of the horizon
        ("A6", after(200), 1),
        ("A7", after(390), 1),  # after the horizon, so it does not count
        ("A8", after(10), 1),
        ("B0", f"{today}", 0),
        ("B1", after(30), 1),
        ("B2", f"{today}", 1),  # its horizon has not passed
        *((f"C{each}", after(60), 1) for each in range(20)),
        *((f"C{each}", f"{today}", 0) for each in range(20, 40)),
    ]
    again = [
        ("A0", f"{today}", 0),  # repeats
        ("A8", after(100), 0),  # contradicts its bankruptcy
        ("Z1", f"{today}", 0),  # was never predicted
        ("Z2", f"{today}", 1),
    ]
    rows = [f",{id_},{day},{outcome}" for id_, day, outcome in known]
    rows.append(f"{first[9]['prediction_id']},,{after(20)},1")
    uploads = []
    for name, content in (
        ("first.csv", rows),
        ("second.csv", [f",{id_},{day},{outcome}" for id_, day, outcome in again]),
    ):
        path = tmp_path / name
        path.write_text("\n".join(["prediction_id,id,date,outcome", *content, ""]), encoding="utf-8")
        uploads.append(bankruptcy(aws, "outcomes", "upload", str(path)))
    assert [(each["outcomes"], each["bankruptcies"], each["new"]) for each in uploads] == [
        (53, 27, 53),
        (4, 1, 3),
    ]
    time.sleep(1.1)
    started = watch(aws, {"settled": 0})
    assert ended(aws, started["execution"]).status == "Succeeded"

    # THEN each outcome and each prediction is counted once
    result = bankruptcy(aws, "monitor", "show", started["run"].rpartition("/")[2])
    assert result["outcomes"] == {
        "given": 57,
        "repeated": 1,
        "judged": 50,
        "waiting": 1,
        "again": 1,
        "late": 1,
        "contradicting": 1,
        "open": 1,
        "unknown": 2,
    }
    table = {
        version: (
            facts["companies"],
            facts["bankruptcies"],
            facts["expected_bankruptcies"],
            [(level["companies"], level["bankruptcies"]) for level in facts["levels"].values()],
        )
        for version, facts in result["realised"].items()
    }
    assert table == {
        # A0 to A4, A6, A7 and A9; not A5, which is open, and A8, which is contradicted
        "1": (8, 3, 1.15, [(5, 1), (2, 1), (1, 1)]),
        "2": (2, 1, 0.55, [(1, 0), (0, 0), (1, 1)]),
        "3": (40, 20, 18.2, [(20, 0), (0, 0), (20, 20)]),
    }
    # AND only version 3 has enough bankruptcies for metrics; it ranks perfectly
    assert [facts["metrics"] is None for facts in result["realised"].values()] == [True, True, False]
    assert result["realised"]["3"]["metrics"]["roc_auc"]["value"] == 1.0
    assert result["alarms"]["quality"] == []
