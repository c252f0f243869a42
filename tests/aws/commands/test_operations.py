"""status, pause, resume and test, on a service that is deployed to local AWS."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from support.permissions.policy import actions_of, denied
from typer.testing import CliRunner

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect
from scripts.cli import app
from scripts.deploy.deployment import deploy
from scripts.deploy.teardown import destroy
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version
from scripts.model.contracts import champion_version
from scripts.operate.api_checks import Check, check_api, describe_api
from scripts.operate.pausing import OperationError, pause, resume
from scripts.operate.rollback import plan_rollback
from scripts.operate.status import read_status
from scripts.predict.client import client_of

PROJECT = "operations"
# A model that predicts 25 % for every company.
SERVE = """
import json, os

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(request, model):
    return [{"prediction": 0, "probability": {"not_bankrupt": 0.75, "bankrupt": 0.25}, "risk_level": "low",
             "confidence": 0.75} for _ in request["instances"]]

def output_fn(predictions, accept):
    model = {"version": os.environ["MODEL_PACKAGE_VERSION"], "contract": "0123456789abcdef"}
    return json.dumps({"predictions": predictions, "model": model}), accept
"""
CONTRACT = {
    "contract": "0123456789abcdef",
    "features": [
        {"name": "ROA(A)", "min": 0.0, "max": 1.0},
        {"name": "Debt ratio %", "min": 0.0, "max": 1e9},
    ],
    "threshold": 0.5,
    "risk_levels": [{"level": "low", "from": 0.0}],
    "smoke_test": {"features": [0.1, 0.2], "probability": 0.25},
}
COMPANIES = {"bankrupt company": {"ROA(A)": 0.2, "Debt ratio %": 0.9, "another": 1.0}}


class Service:
    """The deployed service, and every call to it."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.calls: set[tuple[str, str, str]] = set()
        aws.session.events.register("before-call", self._record)

    def _record(self, model: Any, **_: Any) -> None:
        self.calls.add((model.service_model.service_name, model.name, model.http["method"]))

    def register(self, contract: dict[str, Any], approval: str) -> str:
        """Upload and register a model; return its ARN."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            entry = tarfile.TarInfo("code/serve.py")
            entry.size = len(SERVE)
            tar.addfile(entry, io.BytesIO(SERVE.encode()))
        s3, bucket = self.aws.client("s3"), self.aws.project.bucket
        s3.put_object(Bucket=bucket, Key="models/e/model.tar.gz", Body=archive.getvalue())
        s3.put_object(Bucket=bucket, Key="models/e/contract.json", Body=json.dumps(contract))
        container = {
            "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1",
            "ModelDataUrl": f"s3://{bucket}/models/e/model.tar.gz",
            "Environment": {
                "SAGEMAKER_PROGRAM": "serve.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
        }
        arn: str = self.aws.client("sagemaker").create_model_package(
            ModelPackageGroupName=self.aws.project.model_package_group,
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={"ArchiveSha256": hashlib.sha256(archive.getvalue()).hexdigest()},
        )["ModelPackageArn"]
        return arn

    def approve(self, arn: str) -> None:
        """Approve a model."""
        self.aws.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")

    def note_failure(self, arn: str) -> None:
        """Note on a version that it could not be deployed once, as deploy_model does."""
        notes = {"DeploymentFailedAttempts": "1", "DeploymentFailedReason": "No capacity"}
        self.aws.client("sagemaker").update_model_package(
            ModelPackageArn=arn, CustomerMetadataProperties=notes
        )


@pytest.fixture(scope="module")
def service(running_aws: LocalAws) -> Iterator[Service]:
    running_aws.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in running_aws.environment().items():
            patch.setenv(name, value)
        made = Service(connect(PROJECT))
        settings = {"InstanceType": "ml.m5.xlarge", "MaxInstances": "3", "InvocationsPerInstance": "600"}
        deploy(made.aws, confirm=lambda _: True, parameters=settings)
        yield made
    running_aws.reset()


@pytest.fixture
def served(service: Service) -> Service:
    """The service with a version on its endpoint, whichever tests have used it before."""
    if champion_version(service.aws) is None:
        service.register(CONTRACT, "Approved")
    resume(service.aws)
    return service


def failed(service: Service) -> list[Check]:
    return [check for check in check_api(describe_api(service.aws)) if not check.passed]


def bounds(service: Service) -> list[tuple[int, int, float]]:
    """Return the bounds of the endpoint's scaling, and its target in requests per minute."""
    autoscaling = service.aws.client("application-autoscaling")
    targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    policies = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    aims = [policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for policy in policies]
    return [(t["MinCapacity"], t["MaxCapacity"], aim) for t, aim in zip(targets, aims, strict=True)]


def test_the_service_is_paused_resumed_and_checked(service: Service) -> None:
    aws = service.aws

    # GIVEN a new deployment: there is nothing to pause or resume
    before = read_status(aws)
    assert (before.endpoint.status, before.champion_version, before.packages) == (None, None, ())
    assert (before.execution, before.paused, before.alarms, before.dead_letters) == (None, False, (), 0)
    assert pause(aws) is False
    assert failed(service) == []
    assert resume(aws) is None
    with pytest.raises(OperationError, match="No approved version can be deployed, so there is nothing"):
        plan_rollback(aws)

    # WHEN a version is approved, THEN resume waits for it
    first = service.register(CONTRACT, "Approved")
    states: list[str] = []
    assert resume(aws, Waiting(states.append)) == "1"
    assert resume(aws) == "1"
    assert states[-1] == "InService"
    served = read_status(aws)
    assert (served.endpoint.status, served.endpoint.version, served.champion_version) == (
        "InService",
        "1",
        "1",
    )
    assert (served.endpoint.instance_type, served.endpoint.instance_count) == ("ml.m5.xlarge", 1)
    assert served.cost is None  # on local AWS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Aws, "is_local", False)
        cost = read_status(aws).cost
    assert cost is not None
    assert (cost.usd_per_hour, cost.usd_per_month) == (0.257, 187.61)
    assert [(package.version, package.approval) for package in served.packages] == [(1, "Approved")]
    # AND the API passes every check, with companies by position and by name
    assert failed(service) == []
    checks = check_api(describe_api(aws), COMPANIES)
    assert [check for check in checks if not check.passed] == []
    assert [check.name for check in checks] == [
        "health",
        "model",
        "known answer",
        "values in mid-range",
        "bankrupt company",
        "malformed JSON",
        "wrong count",
        "unknown path",
        "CORS preflight",
        "no key",
    ]

    # AND the endpoint scales within its bounds
    assert bounds(service) == [(1, 3, 600.0)]

    # WHEN it is paused, twice
    assert pause(aws) is True
    assert pause(aws) is False
    # THEN the API says when to retry
    paused = read_status(aws)
    assert (paused.endpoint.status, paused.paused, paused.champion_version) == (None, True, "1")
    assert bounds(service) == []
    checks = check_api(describe_api(aws))
    assert [check for check in checks if not check.passed] == []
    assert "company, while paused" in [check.name for check in checks]
    # AND a rollback is impossible
    with pytest.raises(OperationError, match="The service is paused, so no version is in service"):
        plan_rollback(aws)
    # AND an approval has no effect until the service is resumed
    second = service.register(CONTRACT, "PendingManualApproval")
    service.approve(second)
    assert read_status(aws).endpoint.status is None
    assert resume(aws) == "2"
    assert first != second
    # AND status shows deploy_model's notes on a version
    service.note_failure(second)
    last = read_status(aws)
    assert last.endpoint.version == "2"
    assert [package.failure for package in last.packages] == ["deployment failed 1 ×: No capacity", None]


def test_the_commands_show_the_state(
    served: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a version in service that could not be deployed at first
    served.note_failure(find_version(served.aws, None)["ModelPackageArn"])
    version = champion_version(served.aws)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "--project", PROJECT])
        return result.exit_code, result.output

    code, output = run("deploy", "--yes")
    assert (code, "Nothing to change: everything is already up to date." in output) == (
        0,
        True,
    )
    (url,) = re.findall(r"URL=(http\S+)", output)
    assert "curl $URL/health" in output
    assert urllib3.request("GET", f"{url}/health").json()["status"] == "ok"
    code, output = run("status", "--json")
    facts = json.loads(output)
    assert (code, facts["project"], facts["paused"], str(facts["endpoint"]["version"])) == (
        0,
        PROJECT,
        False,
        version,
    )
    data = tmp_path / "companies.csv"
    data.write_text("Bankrupt?, ROA(A), Debt ratio %\n1,0.1,0.9\n0,0.6,0.1\n")
    code, output = run("test", "--data", str(data))
    assert (code, "All 11 checks passed." in output) == (0, True)
    assert output.index("healthy company") < output.index("bankrupt company")
    # AND a client without AWS credentials can check the API and use it
    client = client_of(served.aws)
    own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in own:
        monkeypatch.delenv(name)
    api = ("--url", f"{client.url}/", "--key", str(client.key))
    code, output = run("test", "--data", str(data), *api)
    assert (code, "All 9 checks passed." in output, "known answer" in output) == (0, True, False)
    companies = tmp_path / "clients.csv"
    companies.write_text("firm_id,ROA(A),Debt ratio %\nF1,0.1,0.9\n")
    code, output = run("predict", str(companies), "--format", "csv", *api)
    assert (code, f"2,F1,0,0.25,low,{version}," in output) == (0, True)
    code, output = run("test", "--url", "http://api.example/prod")
    assert (code, "it must begin with https://" in output) == (2, True)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    code, output = run("pause")
    assert (code, "is paused; its endpoint is deleted" in output) == (0, True)
    code, output = run("status")
    assert "deployment failed 1 ×: No capacity" in output
    resumes = f"yes; `bankruptcy resume --project {PROJECT}`"
    assert (code, resumes in output, "none: local AWS" in output) == (0, True, True)
    assert f"version {version}  not in service: /predict answers 503" in output


def test_the_api_key_can_be_replaced(served: Service) -> None:
    def status(key: str | None) -> int:
        return urllib3.request(
            "GET", f"{describe_api(served.aws).url}/model", headers={"x-api-key": key}
        ).status

    # GIVEN a key that the API accepts
    old = client_of(served.aws).key
    assert status(old) == 200
    # WHEN the key is replaced
    deploy(served.aws, confirm=lambda _: True, parameters={"ApiKeyGeneration": "2"})
    # THEN only the new key is accepted
    new = client_of(served.aws).key
    assert new != old
    assert (status(new), status(old)) == (200, 403)


def test_an_open_api_needs_no_key(served: Service) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--project", PROJECT])
        assert result.exit_code == 0, result.output
        return result.output

    # GIVEN an API that needs a key
    assert re.search("API key +required", run("status"))
    # WHEN it is deployed without API keys
    shown = run("deploy", "--yes", "-p", "ApiKeyRequired=false", "-p", "CorsOrigins=https://app.example")
    # THEN the commands say so
    assert "API key   none: everybody who can reach the API can use it" in shown
    assert "x-api-key" not in shown
    assert re.search("API key +none: the API is open", run("status"))
    # AND clients without a key are answered
    client = client_of(served.aws)
    assert client.key is None
    assert client.get("/model")["version"] == champion_version(served.aws)
    checks = check_api(describe_api(served.aws), COMPANIES)
    assert [check for check in checks if not check.passed] == []
    assert ["no key" in (check.name for check in checks), checks[-1].remark] == [
        False,
        "origin https://app.example",
    ]


def test_the_deployers_policy_allows_what_was_called(served: Service) -> None:
    # GIVEN all calls from deployment to destruction
    destroy(served.aws, delete_data=True)
    # THEN the policy allows them, except the tests' own calls
    own = {"CreateModelPackage", "DescribeScalableTargets", "DescribeScalingPolicies"}
    calls = {call for call in served.calls if call[1] not in own}
    assert denied(action for call in calls for action in actions_of(*call)) == []
    # AND the calls were recorded
    names = {name for _, name, _ in calls}
    assert {"ExecuteChangeSet", "Invoke", "PutParameter", "DeletePipeline", "DeleteModelPackage"} <= names
