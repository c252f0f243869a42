"""Retry policies of steps, and durations in pipeline definitions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.local_aws.cloud import BUCKET, OUT, WRITE, Cloud, eventually, processing

from local_aws.pipelines.caching import duration
from local_aws.pipelines.retries import delays, exception_type


def test_an_internal_error_is_retried_by_the_policy(cloud: Cloud) -> None:
    # GIVEN a job that local AWS cannot prepare: an input's file has the path of another input's folder
    cloud.put("one/nested", "file")
    cloud.put("two/file", "file")
    step = processing("A", cloud.put_script("write", WRITE), [OUT, "x"])
    for name, path in (("one", "mixed"), ("two", "mixed/nested")):
        s3_input = step["Arguments"]["ProcessingInputs"][0]["S3Input"]
        moved = {"S3Uri": f"s3://{BUCKET}/{name}/", "LocalPath": f"/opt/ml/processing/input/{path}"}
        step["Arguments"]["ProcessingInputs"].append({"InputName": name, "S3Input": {**s3_input, **moved}})
    policy = {"IntervalSeconds": 2, "BackoffRate": 1.0, "MaxAttempts": 1}
    policy["ExceptionType"] = ["SageMaker.JOB_INTERNAL_ERROR"]  # type: ignore[assignment]
    # WHEN it runs with a retry policy for internal errors
    execution = cloud.start([{**step, "RetryPolicies": [policy]}])

    # THEN it says why it waits, and runs twice
    def waiting() -> dict[str, Any] | None:
        # The step is listed when it starts.
        step = cloud.steps(execution).get("A", {})
        return step if "FailureReason" in step else None

    found = eventually(waiting)
    assert found["StepStatus"] == "Executing"
    assert found["FailureReason"].startswith(
        "Attempt 1 failed; the next one starts in 2 s. ClientError: InternalServerError"
    )
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Failed"
    failed = cloud.steps(execution)["A"]
    assert failed["AttemptCount"] == 2
    assert failed["FailureReason"].startswith("ClientError: InternalServerError")
    assert len(cloud.sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == 2


def test_delays_of_a_retry_policy() -> None:
    throttled = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 2, "BackoffRate": 3.0}
    assert list(delays([{**throttled, "MaxAttempts": 3}], "Step.THROTTLING")) == [2.0, 6.0, 18.0]
    assert list(delays([{**throttled, "ExpireAfterMin": 1}], "Step.THROTTLING")) == [2.0, 6.0, 18.0]
    assert list(delays([throttled], "SageMaker.CAPACITY_ERROR")) == []
    assert exception_type("ThrottlingException", while_creating=True) == "Step.THROTTLING"
    assert exception_type("CapacityError: none left", while_creating=False) == "SageMaker.CAPACITY_ERROR"
    assert exception_type("AlgorithmError: no", while_creating=False) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("P30D", timedelta(days=30)),
        ("T16m", timedelta(minutes=16)),
        ("PT1H", timedelta(hours=1)),
        ("30dT5h", timedelta(days=30, hours=5)),
        ("P1M", timedelta(days=30)),
    ],
)
def test_a_duration_is_parsed(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


def test_an_invalid_duration_is_rejected() -> None:
    with pytest.raises(ValueError, match="'soon' is not a duration"):
        duration("soon")
