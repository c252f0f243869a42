"""The entry point of deploy_model: what it logs, and how fast it starts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from deploy_model import handler as module
from deploy_model_fakes import Aws


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


def test_the_import_needs_neither_boto3_nor_pydantic() -> None:
    """They would make a cold start of 0.2 s one of a second."""
    code = "import sys, deploy_model.handler; print(sorted({'boto3', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
