"""The whole life of the service on local AWS, through the command line, the REST API and AWS's APIs."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from botocore.exceptions import ClientError
from support.api.stage import check_documented_client, check_documented_errors, check_open_pages
from support.deployment.inventory import inventory
from support.local_aws.cloud import Cloud, eventually
from support.local_aws.environment import point_at
from support.permissions.page import PAGE, write_page
from support.permissions.people import PEOPLE, create_person
from support.permissions.recordings import Recording, denied_without, unused_actions
from support.permissions.unrecorded import listed_actions, reason_for
from typer.testing import CliRunner

from local_aws.iam.policy import Need, decide, listed
from local_aws.server import LocalAws
from pipeline.service import Execution, describe
from scripts.aws.outbox import read_outbox
from scripts.aws.session import Aws, connect
from scripts.cli import app
from scripts.model.approval import find_version, set_approval
from scripts.operate.executions import read_evaluation
from scripts.predict.client import ApiClient, ApiError, client_of

PROJECT = "bankruptcy-life"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
STEPS = {
    "SelectFeatures",
    "Resample",
    "TrainBaseline",
    "TrainRecommended",
    "Evaluate",
    "CheckRocAuc",
    "RegisterModel",
}
ROLES = {
    "DeployRole",
    "EndpointRole",
    "JobRole",
    "MonitorRole",
    "MonitoringJobRole",
    "NoticesRole",
    "PipelineRole",
    "PredictRole",
    "StreamRole",
    "TransformRole",
    "WatchRole",
}
TRAINED = {"SelectFeatures", "Resample", "TrainBaseline", "TrainRecommended"}


class Service:
    """The service, used from a terminal."""

    def __init__(
        self, aws: Aws, root: Cloud, recording: Recording, credentials: dict[str, dict[str, str]]
    ) -> None:
        self.aws = aws
        self._root = root
        self.recording = recording
        self._credentials = credentials

    @contextmanager
    def as_person(self, person: str) -> Iterator[None]:
        """Run commands with the credentials of another person than the deployer."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._credentials[person].items():
                patch.setenv(name, value)
            yield

    def refused(self, *arguments: str) -> str:
        """Run a command, which must fail; return its output."""
        result = CliRunner().invoke(app, [*arguments, "--project", PROJECT])
        assert result.exit_code != 0, f"{' '.join(arguments)}: {result.output}"
        return " ".join(result.output.split())

    def inventory(self) -> list[str]:
        """List the resources of the account as its root user; the deployer's policies do not allow that."""
        return inventory(lambda service: getattr(self._root, service))

    def run(self, *arguments: str) -> str:
        """Run a command, which must succeed; return its output."""
        result = CliRunner().invoke(app, [*arguments, "--project", PROJECT])
        assert result.exit_code == 0, f"{' '.join(arguments)}: {result.output} {result.exception!r}"
        return result.output

    def execute(self, *parameters: str) -> Execution:
        """Run the pipeline to its end on the newest upload, with a fast estimator."""
        options = [
            option for parameter in ("Estimator=logistic", *parameters) for option in ("-p", parameter)
        ]
        self.run("pipeline", "start", "--wait", *options)
        sagemaker = self.aws.client("sagemaker")
        newest = sagemaker.list_pipeline_executions(
            PipelineName=self.aws.project.pipeline, SortBy="CreationTime", SortOrder="Descending"
        )["PipelineExecutionSummaries"][0]
        return describe(sagemaker, newest["PipelineExecutionArn"])

    def contract(self) -> dict[str, object]:
        """Return the champion's contract."""
        s3 = self.aws.client("s3")
        body = s3.get_object(Bucket=self.aws.project.bucket, Key="champion/contract.json")["Body"]
        found: dict[str, object] = json.load(body)
        return found


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        recording = Recording()
        with LocalAws(enforce_iam=True, on_call=recording.add) as server:
            point_at(server, patch)
            credentials = {person: create_person(server, person, PROJECT) for person in PEOPLE}
            for name, value in credentials["deployer"].items():
                patch.setenv(name, value)
            root = Cloud(server)
            yield Service(connect(PROJECT), root, recording, credentials)
            root.close()


def test_deployment_to_destruction(service: Service, companies: pd.DataFrame, tmp_path: Path) -> None:
    aws, run = service.aws, service.run
    data = tmp_path / "companies.csv"
    companies.to_csv(data, index=False)
    assert service.inventory() == []

    # GIVEN a deployed service; WHEN data is uploaded and an execution is started
    run("deploy", "--yes", "-p", "AlarmEmail=alarms@example.com", "-p", f"KmsKeyArn={KEY}")
    assert "No prediction has arrived since the last run" in run("monitor", "run")
    uri = run("data", "upload", "--data", str(data)).split()[-1]
    first = service.execute("RegisterCandidate=baseline")

    # THEN every step succeeds, both candidates are evaluated, and the requested one awaits approval
    assert first.status == "Succeeded"
    assert first.parameters["InputDataUri"] == uri
    assert {step.name: step.status for step in first.steps} == dict.fromkeys(STEPS, "Succeeded")
    assert cached_steps(first) == set()
    check_evaluation(aws, first)
    check_registration(aws, first)
    check_report(service, first, tmp_path / "report.html")

    # WHEN it is approved, THEN the API predicts with the evaluated model
    run("model", "approve", "--yes")
    run("resume", "--timeout", "300")  # fails sooner than approve --wait if deploy_model lacks a permission
    client = client_of(aws)
    check_answers(service, client, companies)
    check_documented_client(client, tmp_path)
    check_documented_errors(client)
    check_open_pages(client)
    row_7 = json.loads(run("predict", "--row", "7", "--data", str(data), "--format", "json").splitlines()[-1])
    assert row_7["probability"] == probability_of(client, companies, 7)
    check_portfolio(service, client, companies, tmp_path)
    check_monitoring(service, tmp_path)

    # WHEN one person trains a second version and another one approves it, THEN it replaces the first
    with service.as_person("trainer"):
        run("data", "upload", "--data", str(data))
        second = service.execute(f"InputDataUri={uri}")
        run("report", "--no-open", "--output", str(tmp_path / "second.html"))
    assert cached_steps(second) == TRAINED
    with service.as_person("approver"):
        run("report", "--no-open", "--output", str(tmp_path / "second.html"))
        run("model", "preview", "2", "--on", str(data))
        run("model", "approve", "2", "--yes", "--wait")
    assert answering_version(service, client) == "2"
    # AND when it is rejected, the first one answers again
    with service.as_person("approver"):
        run("model", "reject", "2", "--yes", "--note", "a test")
    run("resume")  # waits until the newest approved version is in service
    assert answering_version(service, client) == "1"

    # WHEN the service is paused, THEN the API answers 503
    run("pause")
    assert rejection(client, smoke(service)) == (503, "endpoint_unavailable")
    # AND it still does after a third version has been approved
    third = service.execute()
    assert cached_steps(third) == TRAINED
    run("model", "approve", "3", "--yes")
    assert rejection(client, smoke(service)) == (503, "endpoint_unavailable")
    assert f"yes; `bankruptcy resume --project {PROJECT}` resumes it" in run("status")

    # WHEN executions are stopped, THEN their jobs are stopped, too
    for person in ("deployer", "trainer"):
        with service.as_person(person):
            run("pipeline", "start", "-p", "RandomSeed=12")
            eventually(lambda: "Executing" in run("pipeline", "status"))
            run("pipeline", "stop")
            # AND when they are retried, they continue
            eventually(lambda: "Stopped" in run("pipeline", "list").splitlines()[1], 60)
            run("pipeline", "retry")
            eventually(lambda: "Executing" in run("pipeline", "status"))
            run("pipeline", "stop")
    check_separation(service)
    # WHEN the service is resumed with instances that scale, THEN the third version answers
    run("deploy", "--yes", "-p", "InstanceType=ml.m5.large", "-p", "MaxInstances=2")
    run("resume")
    assert answering_version(service, client) == "3"
    # AND the API passes its checks
    assert "All 11 checks passed." in run("test", "--data", str(data))

    # AND the function that watches the API gets the known answer
    watched = aws.client("lambda").invoke(FunctionName=aws.project.watch_function)
    assert json.load(watched["Payload"]) == {"problem": None}
    # AND people were notified of each fact once, including a model that did not pass the gate
    service.refused("pipeline", "start", "--wait", "-p", "Estimator=logistic", "-p", "MinRocAuc=1")
    eventually(check_notices)

    # WHEN it is destroyed, THEN only what the command lists is kept
    kept = run("destroy", "--yes")
    assert service.inventory() == [
        f"bucket {aws.project.bucket}",
        "log group /aws/sagemaker/ProcessingJobs",
        "log group /aws/sagemaker/TrainingJobs",
        "log group /aws/sagemaker/TransformJobs",
        f"model package {PROJECT} 1 Approved",
        f"model package {PROJECT} 2 Rejected",
        f"model package {PROJECT} 3 Approved",
        f"model package group {PROJECT}",
        "role ApiGatewayLogs",
        f"stack {PROJECT}-storage",
    ]
    for name in (
        f"s3://{aws.project.bucket} ",
        f"3 model package(s) in the group {PROJECT}",
        f"stack {PROJECT}-storage, which contains the bucket and the group",
        "role ApiGatewayLogs, ",
        "log group /aws/sagemaker/ProcessingJobs, shared by all jobs of the account",
        "log group /aws/sagemaker/TrainingJobs, shared by all jobs of the account",
        "log group /aws/sagemaker/TransformJobs, shared by all jobs of the account",
    ):
        assert f"kept: {name}" in kept
    # WHEN its data is removed, too, THEN nothing of the project is left
    run("destroy", "--yes", "--delete-data")
    assert service.inventory() == [
        "log group /aws/sagemaker/ProcessingJobs",
        "log group /aws/sagemaker/TrainingJobs",
        "log group /aws/sagemaker/TransformJobs",
        "role ApiGatewayLogs",
    ]


def check_notices() -> bool:
    """Check the notices about versions that waited and became the champion."""
    # A busy machine can miss the 300 ms in which a prediction is logged.
    messages = [each for each in read_outbox() if "predictions-lost" not in each["subject"]]
    told = [each["subject"].removeprefix(f"{PROJECT}: ") for each in messages]
    assert told == [
        "version 1 waits for approval",
        "version 1 is the champion",
        "version 2 waits for approval",
        "version 2 is the champion",
        "version 1 is the champion",
        "version 3 waits for approval",
        "version 3 is the champion",
        *(told[7:] if re.fullmatch(r"execution \w+ failed", told[-1]) else []),
    ]
    assert all(each["recipients"] == ["email:alarms@example.com"] for each in messages)
    # The first had no champion to be compared with, and the second had.
    assert "Compared with the champion: there is none." in messages[0]["text"]
    assert re.search(r"champion: .* different. ROC-AUC [+-]0\.\d{3} \(", messages[2]["text"])
    if len(told) < 8:
        return False
    assert len(told) == 8
    assert "Step ModelRejected: The model did not pass the gate (MinRocAuc: 1" in messages[7]["text"]
    return True


def check_monitoring(service: Service, folder: Path) -> None:
    """Check that trainers monitor the scores of a portfolio, and that their window can be accepted."""
    (folder / "outcomes.csv").write_text("id,date,outcome\nnobody,2026-01-01,1\n", encoding="utf-8")
    today = datetime.now(UTC)
    period = ["--start", f"{today - timedelta(days=1):%F}", "--end", f"{today + timedelta(days=1):%F}"]
    with service.as_person("trainer"):
        service.run("outcomes", "upload", str(folder / "outcomes.csv"))
        service.run("monitor", "run", *period, "--wait")
        shown = json.loads(service.run("monitor", "show", "--json"))
        refused = service.refused("monitor", "accept", shown["run"], "1", "--note", "x", "--yes")
        assert "AWS denied PutObject" in refused
    assert shown["versions"]["1"]["sources"]["batch"] > 0
    assert shown["outcomes"]["unknown"] == 1
    service.run("monitor", "accept", shown["run"], "1", "--note", "a test", "--yes")
    assert "accepted     version 1, by arn:aws:" in service.run("monitor", "show")
    service.run("monitor", "accept", shown["run"], "1", "--undo")


def check_separation(service: Service) -> None:
    """Check that trainers cannot approve, not even through an execution, and approvers only approve."""
    package = find_version(service.aws, 2)
    with service.as_person("trainer"):
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:UpdateModelPackage"):
            set_approval(connect(PROJECT), package, "Approved")
        refused = service.refused("pipeline", "start", "-p", "ModelApprovalStatus=Approved")
        assert "ModelApprovalStatus" in refused
    with service.as_person("approver"):
        sagemaker = connect(PROJECT).client("sagemaker")
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:StartPipelineExecution"):
            sagemaker.start_pipeline_execution(PipelineName=PROJECT)
        # An approval cannot also replace the hash of the evaluated archive.
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:UpdateModelPackage"):
            sagemaker.update_model_package(
                ModelPackageArn=package["ModelPackageArn"],
                ModelApprovalStatus="Approved",
                CustomerMetadataProperties={"ArchiveSha256": "0" * 64},
            )


def check_evaluation(aws: Aws, execution: Execution) -> None:
    """Check that both candidates were evaluated, without a champion."""
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    assert set(evaluation["candidates"]) == {"baseline", "recommended"}
    for figures in evaluation["candidates"].values():
        assert figures["roc_auc"]["low"] <= figures["roc_auc"]["value"] <= figures["roc_auc"]["high"]
    assert evaluation["gate"]["roc_auc"] >= 0.8
    assert evaluation["champion"] is None


def check_registration(aws: Aws, execution: Execution) -> None:
    """Check that the evaluated model was registered."""
    package = find_version(aws, 1)
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert url == f"s3://{aws.project.bucket}/models/{execution.id}/model.tar.gz"
    metadata = package["CustomerMetadataProperties"]
    assert metadata["ContractHash"] == evaluation["selected"]["contract"]
    assert metadata["ContractUri"] == f"s3://{aws.project.bucket}/models/{execution.id}/contract.json"


def check_report(service: Service, execution: Execution, path: Path) -> None:
    """Check the report that a command downloads."""
    output = service.run("report", "--no-open", "--output", str(path))
    assert f"Report of {execution.id}" in output
    evaluation = read_evaluation(service.aws, execution)
    assert evaluation is not None
    page = path.read_text(encoding="utf-8")
    assert evaluation["gate"]["reason"] in page
    assert evaluation["provenance"]["code_sha256"]["Evaluate"] in page


def check_answers(service: Service, client: ApiClient, companies: pd.DataFrame) -> None:
    """Check that the API predicts with the evaluated model, and rejects an invalid request."""
    # The company whose probability the evaluation stored, by position
    contract = service.contract()
    known = contract["smoke_test"]
    assert isinstance(known, dict)
    answer = client.predict({"data": known["features"]})
    assert math.isclose(answer["probability"]["bankrupt"], known["probability"], abs_tol=1e-9)
    assert math.isclose(sum(answer["probability"].values()), 1.0)
    assert answer["model"] == {"version": "1", "contract": contract["contract"]}
    assert answer["prediction"] == int(known["probability"] >= contract["threshold"])

    # By position and by name, the prediction is the same.
    names = [feature["name"] for feature in client.get("/model")["features"]]
    company = companies.rename(columns=str.strip).iloc[7][names].astype(float)
    by_name = client.predict({"instances": [company.to_dict()]})["predictions"][0]
    assert by_name["probability"] == probability_of(client, companies, 7)

    # Bad input
    assert rejection(client, [1.0, 2.0]) == (422, "validation_failed")


def check_portfolio(service: Service, client: ApiClient, companies: pd.DataFrame, folder: Path) -> None:
    """Check that scoring a portfolio gives the same results as the API."""
    # A file with more columns in another order, and one bad line
    portfolio = companies[sorted(companies.columns, reverse=True)].head(40).astype(object)
    portfolio.iloc[3] = "?"
    portfolio.insert(0, "name", [f"C{number}" for number in range(40)])
    portfolio.to_csv(folder / "portfolio.csv", index=False)

    service.run("score", str(folder / "portfolio.csv"), str(folder / "result.csv"), "--id", "name")

    # Each good line has the API's prediction, and the bad line is listed.
    result = pd.read_csv(folder / "result.csv")
    good = [number for number in range(40) if number != 3]
    assert result["name"].tolist() == [f"C{number}" for number in good]
    names = [feature["name"] for feature in client.get("/model")["features"]]
    asked = companies.rename(columns=str.strip).iloc[good][names].astype(float)
    answers = client.predict({"instances": asked.to_numpy().tolist()})["predictions"]
    assert result["probability_bankrupt"].tolist() == [each["probability"]["bankrupt"] for each in answers]
    assert result["risk_level"].tolist() == [each["risk_level"] for each in answers]
    assert pd.read_csv(folder / "result.errors.csv")["line"].tolist() == [5]


def rejection(client: ApiClient, company: list[float]) -> tuple[int, str]:
    """Predict a company, which the API must reject; return status and code of the error."""
    with pytest.raises(ApiError) as error:
        client.predict({"data": company})
    return error.value.status, error.value.code


def probability_of(client: ApiClient, companies: pd.DataFrame, row: int) -> dict[str, float]:
    """Predict a company by position."""
    names = [feature["name"] for feature in client.get("/model")["features"]]
    company = companies.rename(columns=str.strip).iloc[row][names].astype(float)
    probability: dict[str, float] = client.predict({"data": company.tolist()})["probability"]
    return probability


def answering_version(service: Service, client: ApiClient) -> str:
    """Return the version that predicts."""
    answer = client.predict({"data": smoke(service)})
    version: str = answer["model"]["version"]
    return version


def smoke(service: Service) -> list[float]:
    """Return the smoke-test company of the champion's contract."""
    known = service.contract()["smoke_test"]
    assert isinstance(known, dict)
    numbers: list[float] = known["features"]
    return numbers


def cached_steps(execution: Execution) -> set[str]:
    """Return the names of the steps whose outputs come from the cache."""
    return {step.name for step in execution.steps if step.cached}


def test_only_the_attempts_of_others_are_denied(service: Service) -> None:
    denied = {each.partition(" on resource")[0] for each in service.recording.denied()}
    user = "arn:aws:iam::123456789012:user/"
    # These are the attempts of check_separation and check_monitoring.
    assert denied == {
        f"{person}: User: {user}{person} is not authorized to perform: {action}"
        for person, action in (
            ("approver", "sagemaker:StartPipelineExecution"),
            ("approver", "sagemaker:UpdateModelPackage"),
            ("trainer", "sagemaker:UpdateModelPackage"),
            ("trainer", "s3:PutObject"),
        )
    }
    # Jobs, endpoint, functions and pipeline have called with their own roles.
    assert set(service.recording.policies()) == {*ROLES, *PEOPLE}


@pytest.mark.parametrize(
    ("role", "action", "status", "allowed"),
    [
        ("PipelineRole", "CreateModelPackage", "PendingManualApproval", True),
        ("PipelineRole", "CreateModelPackage", "Approved", False),
        ("DeployRole", "UpdateModelPackage", None, True),
        ("DeployRole", "UpdateModelPackage", "Approved", False),
    ],
)
def test_neither_the_pipeline_nor_deploy_model_can_approve(
    service: Service, role: str, action: str, status: str | None, allowed: bool
) -> None:
    call = service.recording.of(role)[0]
    project = service.aws.project
    package = f"arn:aws:sagemaker:{project.region}:{project.account}:model-package/{PROJECT}/1"
    context = {} if status is None else {"sagemaker:ModelApprovalStatus": status}
    need = Need(f"sagemaker:{action}", package, context)
    assert decide(call.principal, need, call.identity, None).allowed is allowed


def test_every_statement_is_needed(service: Service) -> None:
    # GIVEN the recorded calls; WHEN they are evaluated again without one statement, THEN a call is denied
    recording = service.recording
    needless = [
        f"{caller}, statement {statement['Sid']}"
        for caller, statements in recording.policies().items()
        for statement in statements
        if next(denied_without(recording.of(caller), statement), None) is None
        and any(reason_for(caller, action) is None for action in listed(statement["Action"]))
    ]
    assert needless == []
    # AND the message names caller, action and resource
    (write,) = (each for each in recording.policies()["JobRole"] if each["Sid"] == "Write")
    denied = next(denied_without(recording.of("JobRole"), write))
    assert re.search(
        r"-JobRole-\w+/sagemaker is not authorized to perform: s3:PutObject on resource: arn:", denied
    )


def test_every_action_is_recorded_or_has_a_reason(service: Service) -> None:
    recording = service.recording
    unexplained = [
        f"{caller}, statement {statement['Sid']}: {action}"
        for caller, statements in recording.policies().items()
        for statement in statements
        for action in unused_actions(recording.of(caller), statement)
        if reason_for(caller, action) is None
    ]
    assert unexplained == []
    # AND the reasons are for actions that the callers have
    granted = {
        (caller, action)
        for caller, statements in recording.policies().items()
        for statement in statements
        for action in listed(statement["Action"])
    }
    assert set(listed_actions()) <= granted


def test_the_page_about_permissions_lists_every_statement(service: Service) -> None:
    if "WRITE_PERMISSIONS" in os.environ:
        project = service.aws.project
        write_page(service.recording, {project.region: "<region>", project.name: "<project>"})
    page = PAGE.read_text(encoding="utf-8")
    for statements in service.recording.policies().values():
        for statement in statements:
            assert f"| {statement['Sid']} |" in page, "run `make permissions`"
