"""The whole life of the service on local AWS, through the command line, the REST API and AWS's APIs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from support.api.stage import check_documented_client, check_documented_errors, check_open_pages
from support.lifecycle.executions import cached_steps, check_evaluation, check_registration, check_report
from support.lifecycle.people import check_monitoring, check_notices, check_separation
from support.lifecycle.predictions import (
    answering_version,
    check_answers,
    check_portfolio,
    probability_of,
    rejection,
    smoke,
)
from support.lifecycle.service import PROJECT, Service
from support.local_aws.cloud import Cloud, eventually
from support.local_aws.environment import point_at
from support.permissions.page import PAGE, write_page
from support.permissions.people import PEOPLE, create_person
from support.permissions.recordings import Recording, denied_without, unused_actions
from support.permissions.unrecorded import listed_actions, reason_for

from local_aws.iam.policy import Need, decide, listed
from local_aws.server import LocalAws
from scripts.aws.session import connect
from scripts.predict.client import client_of

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
    "ApiGatewayLogs",
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
    assert "no new predictions that are at least a minute old" in run("monitor", "run")
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
            eventually(lambda: "Stopped" in run("pipeline", "list").splitlines()[1])
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
