"""Jobs that are interrupted, rejected or stopped leave nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import ROLE, Cloud
from support.score.portfolios import left_over, run

from scripts.aws.session import Aws
from scripts.deploy.teardown import destroy
from scripts.score.model import ScoringError, choose_model
from scripts.score.scoring import Order, score


def test_an_interrupted_job_is_stopped(
    aws: Aws, cloud: Cloud, register: Callable[[str], None], endless: str, tmp_path: Path
) -> None:
    register("Approved")
    order = Order(endless, str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE)

    def interrupt(stage: str, *_: object) -> None:
        if stage == "transform":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(aws, order, choose_model(aws, None), interrupt)
    job = cloud.sagemaker.describe_transform_job(TransformJobName=order.name)
    assert job["TransformJobStatus"] == "Stopped"
    # AND nothing that it could have written remains
    assert left_over(aws) == ([], [])


def test_a_job_that_starts_while_it_is_interrupted_is_stopped(
    aws: Aws, cloud: Cloud, register: Callable[[str], None], endless: str, tmp_path: Path
) -> None:
    # GIVEN Ctrl-C while SageMaker confirms the new job
    register("Approved")

    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    aws.client("sagemaker").meta.events.register("after-call.sagemaker.CreateTransformJob", interrupt)
    # THEN the job is stopped
    with pytest.raises(KeyboardInterrupt):
        run(aws, endless, str(tmp_path / "out.csv"))
    job = cloud.sagemaker.describe_transform_job(TransformJobName="scoring-score-test")
    assert job["TransformJobStatus"] == "Stopped"
    assert left_over(aws) == ([], [])


def test_a_rejected_job_leaves_nothing(aws: Aws, register: Callable[[str], None], tmp_path: Path) -> None:
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,1,1\n")

    def reject(**_: Any) -> None:
        error = {"Code": "ResourceLimitExceeded", "Message": "no such instances for you"}
        raise ClientError({"Error": error}, "CreateTransformJob")

    aws.client("sagemaker").meta.events.register("before-call.sagemaker.CreateTransformJob", reject)
    with pytest.raises(ClientError, match="no such instances for you"):
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert left_over(aws) == ([], [])


def test_destroying_the_service_stops_scoring(
    aws: Aws, cloud: Cloud, register: Callable[[str], None], endless: str, tmp_path: Path
) -> None:
    register("Approved")
    order = Order(endless, str(tmp_path / "out.csv"), None, "scoring-score-20261123-101500-0a1b", ROLE)

    def destroy_it(stage: str, *_: object) -> None:
        if stage == "transform" and cloud.sagemaker.list_models()["Models"]:
            destroy(aws, sleep=lambda _: time.sleep(0.02))

    with pytest.raises(ScoringError, match=f"The transform job {order.name} ended as Stopped"):
        score(aws, order, choose_model(aws, None), destroy_it)
    assert left_over(aws) == ([], [])
    assert not Path(order.target).exists()
