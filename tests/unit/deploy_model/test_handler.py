"""The handler of deploy_model: settings, logs and cold start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from deploy_model import handler as module
from deploy_model.settings import Settings
from support.deploy_model.aws import Aws, settings


@pytest.fixture(autouse=True)
def powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "bankruptcy")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "bankruptcy-deploy-model")


def test_the_step_is_returned_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aws = Aws()
    aws.register()
    monkeypatch.setattr(module, "_reconciler", aws.reconciler)
    event = {"source": "aws.sagemaker", "detail-type": "SageMaker Model Package State Change", "id": "e-1"}
    step = module.handler(event, object())
    assert step["action"] == "create_endpoint"
    assert json.loads(json.dumps(step)) == step
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.__dict__["step"] == step
    assert record.__dict__["cause"]["event_id"] == "e-1"


def test_a_version_that_is_given_up_is_logged_as_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aws = Aws()
    aws.register()
    del aws.objects["models/execution-1/contract.json"]
    monkeypatch.setattr(module, "_reconciler", aws.reconciler)
    assert module.handler({}, object())["action"] == "none"
    assert caplog.records[0].levelname == "ERROR"


def test_given_up_versions_are_counted_for_the_alarm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN version 1 in service and version 2, approved without its contract
    aws = Aws()
    aws.register()
    monkeypatch.setattr(module, "_reconciler", aws.reconciler)
    aws.run(aws.reconciler())
    version = aws.register()
    del aws.objects["models/execution-2/contract.json"]

    def count() -> list[float]:
        module.handler({}, object())
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
        assert all(line["service"] == "bankruptcy-deploy-model" for line in lines)
        assert all(line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "bankruptcy" for line in lines)
        return [value for line in lines for value in line["VersionsGivenUp"]]

    # THEN every call counts it as given up, until it is rejected
    assert count() == [1.0]
    assert count() == [1.0]
    aws.decide(version, "Rejected")
    assert count() == [0.0]
    # AND nothing is counted while the endpoint is changing
    aws.register()
    assert count() == [0.0]
    assert count() == []


def test_the_import_needs_neither_boto3_nor_pydantic() -> None:
    """With them a cold start would take 1 s instead of 0.2 s."""
    code = "import sys, deploy_model.handler; print(sorted({'boto3', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_come_from_the_environment() -> None:
    environment = {
        "PROJECT_NAME": "bankruptcy",
        "BUCKET": "bankruptcy-123456789012-eu-west-1",
        "MODEL_PACKAGE_GROUP": "bankruptcy",
        "ENDPOINT_NAME": "bankruptcy",
        "ENDPOINT_ROLE_ARN": "arn:aws:iam::123456789012:role/endpoint",
        "ENDPOINT_MODE": "instance",
        "INSTANCE_TYPE": "ml.t2.medium",
        "MIN_INSTANCES": "1",
        "MAX_INSTANCES": "1",
        "INVOCATIONS_PER_INSTANCE": "3000",
        "SERVERLESS_MEMORY_MB": "2048",
        "SERVERLESS_MAX_CONCURRENCY": "5",
        "BAKE_SECONDS": "600",
        "LATENCY_ALARM_MS": "1000",
        "PAUSED_PARAMETER": "/bankruptcy/paused",
    }
    assert Settings.from_environment(environment) == settings()
    with pytest.raises(ValueError, match="ENDPOINT_MODE is 'both'; it must be 'instance' or 'serverless'"):
        Settings.from_environment({**environment, "ENDPOINT_MODE": "both"})
    with pytest.raises(ValueError, match="MAX_INSTANCES is 1; it must be at least MIN_INSTANCES, which is 2"):
        Settings.from_environment({**environment, "MIN_INSTANCES": "2"})
