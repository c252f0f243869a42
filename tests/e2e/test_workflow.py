"""The demo's path: data, execution, gate, approval, deployment, an answer over HTTP."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from executions import run
from typer.testing import CliRunner

from pipeline.service import Execution
from scripts.api_client import ApiClient, ApiError, client_of
from scripts.cli import app
from scripts.commands.model import find, set_approval, wait_until_served
from scripts.progress import read_evaluation
from scripts.session import Aws

STEPS = {
    "SelectFeatures",
    "Resample",
    "TrainPublished",
    "TrainRecommended",
    "Evaluate",
    "CheckRocAuc",
    "RegisterModel",
}


@pytest.fixture(scope="module")
def execution(aws: Aws, data_uri: str) -> Execution:
    return run(aws, InputDataUri=data_uri)


@pytest.fixture(scope="module")
def client(aws: Aws, execution: Execution) -> ApiClient:
    package = find(aws, None)
    set_approval(aws, package, "Approved", "for the test")
    wait_until_served(aws, package["ModelPackageVersion"], timeout=60)
    return client_of(aws)


def test_every_step_succeeds_and_both_candidates_are_judged(aws: Aws, execution: Execution) -> None:
    assert execution.status == "Succeeded"
    assert {step.name: step.status for step in execution.steps} == dict.fromkeys(STEPS, "Succeeded")
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    assert set(evaluation["candidates"]) == {"published", "recommended"}
    for figures in evaluation["candidates"].values():
        assert figures["roc_auc"]["low"] <= figures["roc_auc"]["value"] <= figures["roc_auc"]["high"]
    assert evaluation["gate"]["roc_auc"] >= 0.8
    assert evaluation["reigning"] is None


def test_the_report_is_fetched_by_a_command(aws: Aws, execution: Execution, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    shown = CliRunner().invoke(
        app, ["report", "--no-open", "--output", str(path), "--project", aws.project.name]
    )
    assert shown.exit_code == 0, shown.output
    assert f"Report of {execution.id}" in shown.output
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    page = path.read_text(encoding="utf-8")
    assert evaluation["gate"]["reason"] in page
    assert evaluation["provenance"]["code_sha256"]["Evaluate"] in page


def test_registers_what_was_judged_and_waits_for_a_person(aws: Aws, execution: Execution) -> None:
    package = find(aws, 1)
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert url == f"s3://{aws.project.bucket}/models/{execution.id}/model.tar.gz"
    metadata = package["CustomerMetadataProperties"]
    assert metadata["ContractHash"] == evaluation["winner"]["contract"]
    assert metadata["ContractUri"] == f"s3://{aws.project.bucket}/models/{execution.id}/contract.json"


def test_the_api_answers_with_the_probability_that_was_judged(aws: Aws, client: ApiClient) -> None:
    # GIVEN the company whose probability the evaluation wrote down
    key = "reigning/contract.json"
    contract = json.load(aws.client("s3").get_object(Bucket=aws.project.bucket, Key=key)["Body"])
    known = contract["smoke_test"]

    # WHEN a client asks about it, by position
    answer = client.predict({"data": known["features"]})

    # THEN it is that probability, and the model says which it is
    assert math.isclose(answer["probability"]["bankrupt"], known["probability"], abs_tol=1e-9)
    assert math.isclose(sum(answer["probability"].values()), 1.0)
    assert answer["model"] == {"version": "1", "contract": contract["contract"]}
    assert answer["prediction"] == int(known["probability"] >= contract["threshold"])


def test_positions_and_names_mean_the_same(client: ApiClient, companies: pd.DataFrame) -> None:
    names = [feature["name"] for feature in client.get("/model")["features"]]
    company = companies.rename(columns=str.strip).iloc[7][names].astype(float)
    by_position = client.predict({"data": company.tolist()})
    by_name = client.predict({"instances": [company.to_dict()]})["predictions"][0]
    assert by_name["probability"] == by_position["probability"]


def test_a_portfolio_is_scored_as_the_api_scores_each_of_its_companies(
    aws: Aws, client: ApiClient, companies: pd.DataFrame, tmp_path: Path
) -> None:
    # GIVEN a file with other columns, in another order, of which one line is bad
    portfolio = companies[sorted(companies.columns, reverse=True)].head(40).astype(object)
    portfolio.iloc[3] = "?"
    portfolio.insert(0, "name", [f"C{number}" for number in range(40)])
    portfolio.to_csv(tmp_path / "portfolio.csv", index=False)
    # WHEN it is scored
    files = [str(tmp_path / name) for name in ("portfolio.csv", "result.csv")]
    said = CliRunner().invoke(app, ["score", *files, "--project", aws.project.name])
    assert said.exit_code == 0, said.output
    # THEN each line has the API's answer, and the bad one its reason
    result = pd.read_csv(files[1])
    good = [number for number in range(40) if number != 3]
    assert result["name"].tolist() == [f"C{number}" for number in good]
    names = [feature["name"] for feature in client.get("/model")["features"]]
    asked = companies.rename(columns=str.strip).iloc[good][names].astype(float)
    answers = client.predict({"instances": asked.to_numpy().tolist()})["predictions"]
    assert result["probability_bankrupt"].tolist() == [each["probability"]["bankrupt"] for each in answers]
    assert result["risk_level"].tolist() == [each["risk_level"] for each in answers]
    assert pd.read_csv(tmp_path / "result.errors.csv")["line"].tolist() == [5]


def test_bad_input_is_told_where_it_is_bad(client: ApiClient) -> None:
    with pytest.raises(ApiError) as refused:
        client.predict({"data": [1.0, 2.0]})
    assert (refused.value.status, refused.value.code) == (422, "validation_failed")
    assert "of 50" in str(refused.value) + json.dumps(refused.value.details)


def test_a_client_without_a_key_is_refused_in_json(client: ApiClient) -> None:
    with pytest.raises(ApiError) as refused:
        ApiClient(client.url).predict({"data": []})
    assert (refused.value.status, refused.value.code) == (403, "forbidden")


def test_an_unknown_path_is_not_found(client: ApiClient) -> None:
    with pytest.raises(ApiError) as refused:
        client.get("/nothing")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_a_new_version_takes_over_and_its_rejection_brings_the_old_one_back(
    aws: Aws, client: ApiClient, data_uri: str
) -> None:
    # GIVEN version 1 in service; WHEN another execution's model is approved
    assert run(aws, InputDataUri=data_uri, RandomSeed=7).status == "Succeeded"
    second = find(aws, 2)
    set_approval(aws, second, "Approved", "")
    wait_until_served(aws, 2, timeout=60)
    assert client.predict({"data": smoke(aws)})["model"]["version"] == "2"
    # WHEN it is rejected THEN version 1 answers again
    set_approval(aws, second, "Rejected", "")
    wait_until_served(aws, 1, timeout=60)
    assert client.predict({"data": smoke(aws)})["model"]["version"] == "1"


def smoke(aws: Aws) -> list[float]:
    """Return the numbers of the company that the served contract names as its smoke test."""
    body = aws.client("s3").get_object(Bucket=aws.project.bucket, Key="reigning/contract.json")["Body"]
    numbers: list[float] = json.load(body)["smoke_test"]["features"]
    return numbers
