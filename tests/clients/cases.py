"""What users do with the service, through one client of AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clients.drivers import Driver
from support.local_aws.cloud import eventually
from support.models.small import register

from scripts.aws.session import Aws

FEATURES = ("a", "b", "c")


def check_client(driver: Driver, aws: Aws, uri: str, folder: Path) -> None:
    """Start, list and stop an execution; approve a version, and invoke the endpoint."""
    sagemaker, project = aws.client("sagemaker"), aws.project
    # WHEN an execution is started, THEN it is listed, and can be stopped
    execution = driver.start(project.pipeline, uri)
    assert execution in driver.executions(project.pipeline)
    driver.stop(execution)

    def is_stopped() -> bool:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        return bool(found["PipelineExecutionStatus"] == "Stopped")

    eventually(is_stopped)

    # WHEN a version is approved, THEN the endpoint answers with it
    version, model = register(aws, folder, FEATURES, seed=0)
    package = f"arn:aws:sagemaker:{project.region}:{project.account}:model-package/{project.name}/{version}"
    driver.approve(package)
    smoke = {"data": list(model.contract.medians)}

    def served() -> dict[str, Any] | None:
        found = sagemaker.list_endpoints(NameContains=project.endpoint)["Endpoints"]
        if not any(each["EndpointStatus"] == "InService" for each in found):
            return None
        answer = json.loads(driver.invoke(project.endpoint, json.dumps(smoke)))
        return answer if answer["model"]["version"] == version else None

    answer = eventually(served, 120)
    expected = float(model.predict_proba(np.array([smoke["data"]]))[0])
    assert answer["probability"]["bankrupt"] == pytest.approx(expected)
